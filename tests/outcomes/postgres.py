"""A real PostgreSQL of this machine's Debian packages, on loopback, in a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_USER = "postgres"


class PostgresServer:
    """One server, which can be killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        if not _BINARIES:
            raise RuntimeError("PostgreSQL is missing; install it with: modelrollout-localcluster deps --install")
        self._folder = folder / "data"
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._give(folder)
        self._run("initdb", "--auth=trust", "--username=outcomes", "--no-sync", "-D", str(self._folder))

    @property
    def url(self) -> str:
        """Of the database that is there from the start."""
        return f"postgresql://outcomes@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ("-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        command = [*_as_user(), str(_BINARIES[-1] / "postgres"), "-D", str(self._folder), *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder.parent)
        self._wait()

    def kill(self) -> None:
        """SIGKILL to the server and everything that it started, as when its machine fails."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        (self._folder / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it at once, without waiting for clients."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def _wait(self) -> None:
        ready = [str(_BINARIES[-1] / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not answer: {self._log.read_text()}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_user(), str(_BINARIES[-1] / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder.parent)

    def _give(self, folder: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server with a folder of its own, until `with` ends."""
    # Not below pytest's folder, which only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="outcomes-postgres-"))
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_USER)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
