"""The first process of a node: `python -m modelrollout_localcluster.node_init CONFIG`.

It runs in mount, network and process namespaces of its own. Waits for CONFIG, prepares the mounts and its end of the
link, runs the daemons and restarts one that ends, and reaps orphans. When it ends the kernel ends everything in the
node, unmounts what was mounted and removes the interfaces and rules.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RUN = Path("/run/node")
"""Where the node's own folder is seen inside the node."""
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
_RESTART_DELAY_SECONDS = 1.0
_POLL_SECONDS = 0.02


def main() -> None:
    config_path = Path(sys.argv[1])
    _wait_for(config_path)
    config = json.loads(config_path.read_text())
    _join_cgroup(config["cgroup"])
    _mount(Path(config["directory"]))
    _configure_network(config)
    _supervise(config["daemons"], Path(config["logs"]))


def _join_cgroup(name: str) -> None:
    """Enter a leaf of the node's group, so that whatever is left of the node can be found by it."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, root, kind, options, *_ = line.split()
        # A new cpuset has no processors until it is given some; every other hierarchy accepts processes at once.
        if kind in ("cgroup", "cgroup2") and "cpuset" not in options.split(","):
            leaf = Path(root) / name / "daemons"
            leaf.mkdir(exist_ok=True)
            (leaf / "cgroup.procs").write_text("0")


def _mount(directory: Path) -> None:
    """Give the node its own /run and writable layers over the folders where its daemons have fixed paths."""
    _command("mount", "--make-rshared", "/")
    _command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    RUN.mkdir()
    _command("mount", "--bind", directory, RUN)
    for target in ("/var/lib", "/var/log"):
        upper, work = (RUN / "layers" / target[1:] / part for part in ("upper", "work"))
        upper.mkdir(parents=True, exist_ok=True)
        work.mkdir(exist_ok=True)
        _command(
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir={target},upperdir={upper},workdir={work}",
            target,
        )


def _configure_network(config: dict[str, Any]) -> None:
    while "eth0" not in [name for _, name in socket.if_nameindex()]:
        time.sleep(_POLL_SECONDS)
    _command("ip", "link", "set", "lo", "up")
    _command("ip", "address", "add", config["address"], "dev", "eth0")
    _command("ip", "link", "set", "eth0", "up")
    _command("ip", "route", "add", "default", "via", config["gateway"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _supervise(daemons: dict[str, list[str]], logs: Path) -> None:
    running: dict[int, str] = {}
    for name, command in daemons.items():
        running[_start(name, command, logs)] = name
        if name == "containerd":
            _wait_for(CONTAINERD_SOCKET)
    while True:
        pid, _ = os.wait()
        if name := running.pop(pid, ""):
            time.sleep(_RESTART_DELAY_SECONDS)
            running[_start(name, daemons[name], logs)] = name


def _start(name: str, command: list[str], logs: Path) -> int:
    with (logs / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).pid


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(_POLL_SECONDS)


def _command(*arguments: str | Path) -> None:
    subprocess.run(arguments, check=True)


if __name__ == "__main__":
    main()
