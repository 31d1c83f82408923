"""The service as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

_PROGRAM = Path(sys.executable).parent / "modelrollout-outcomes"


class Process:
    """`modelrollout-outcomes serve` on a database, which can be killed and started again at the same port."""

    def __init__(self, url: str, *options: str) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = listener.getsockname()[1]
        self._database, self._options = url, options

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command: Sequence[str | Path] = [_PROGRAM, "serve", f"--port={self.port}", *self._options]
        environment = {**os.environ, "MODELROLLOUT_OUTCOMES_DATABASE": self._database}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert time.monotonic() < deadline, "the service does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory(self) -> int:
        """Bytes that are resident."""
        [line] = [each for each in self._proc("status").splitlines() if each.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False
