"""Tests that share a cluster: who sets it up, and who is the last."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Turns of the processes that share `folder`; the kernel frees what a killed one held."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Run while no other process is at this point."""
        with (self._folder / "setup").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def user(self) -> Iterator["User"]:
        """Use what is shared until `with` ends."""
        with (self._folder / "users").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield User(file.fileno())


class User:
    """One that uses what is shared."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def is_last(self) -> bool:
        """Whether nobody else uses it any more; if so, nobody can begin to before this one ends. To be asked last."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
