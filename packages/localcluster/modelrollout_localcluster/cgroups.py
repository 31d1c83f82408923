"""The control group that holds everything a node runs, on cgroup v1 and v2."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from .errors import LocalClusterError


def create(name: str) -> None:
    """Make the group at the root of every hierarchy, where kubelet expects to find it."""
    for root in _hierarchies():
        (root / name).mkdir(exist_ok=True)
        if (root / "cgroup.controllers").exists():
            _delegate_controllers(root)
            _delegate_controllers(root / name)


def exists(name: str) -> bool:
    return any((root / name).exists() for root in _hierarchies())


def remove(name: str, timeout_seconds: float = 30.0) -> None:
    """Kill what still runs in the group and remove it from every hierarchy."""
    deadline = time.monotonic() + timeout_seconds
    while groups := [root / name for root in _hierarchies() if (root / name).exists()]:
        for group in groups:
            _kill_and_remove(group)
        if time.monotonic() > deadline:
            raise LocalClusterError(f"Control group {name} cannot be removed; a process in it does not end.")
        time.sleep(0.02)


def _kill_and_remove(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            pids = [int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()]
            # One that this process namespace cannot see is listed as 0, which os.kill takes for the caller's group.
            for pid in filter(None, pids):
                os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            Path(folder).rmdir()


def _delegate_controllers(group: Path) -> None:
    controllers = (group / "cgroup.controllers").read_text().split()
    for controller in controllers:
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _hierarchies() -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]
