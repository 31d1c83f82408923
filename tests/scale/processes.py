"""Processes of the measurement: Prometheus and the operator, and what a process has used."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from modelrollout_localcluster import tool_path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """seconds: of processor time so far. resident: bytes of memory now."""

    seconds: float
    resident: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls((int(fields[11]) + int(fields[12])) / _TICKS, pages * os.sysconf("SC_PAGE_SIZE"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def prometheus(directory: Path, targets: str, interval: float) -> Iterator[str]:
    """A Prometheus that scrapes what the address `targets` lists. Gives its URL."""
    address = f"127.0.0.1:{free_port()}"
    job = {
        "job_name": "models",
        "http_sd_configs": [{"url": f"http://{targets}/targets", "refresh_interval": "5s"}],
    }
    file = directory / "prometheus.yaml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": f"{interval:g}s"}, "scrape_configs": [job]}))
    command = [
        tool_path("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    with running(command, directory / "prometheus.log"):
        yield f"http://{address}"
