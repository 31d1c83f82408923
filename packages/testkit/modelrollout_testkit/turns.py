"""Tests that share a cluster: which run side by side, which alone, and who is the last."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


class Turns:
    """Turns of the processes that share `folder`; the kernel frees what a killed one held."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Run while others may, but while none runs alone."""
        with ExitStack() as stack:
            with self._locked("gate", fcntl.LOCK_EX):
                stack.enter_context(self._locked("room", fcntl.LOCK_SH))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run once nobody else does; nobody begins meanwhile."""
        with self._locked("gate", fcntl.LOCK_EX), self._locked("room", fcntl.LOCK_EX):
            yield

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Run while no other process is at this point."""
        with self._locked("setup", fcntl.LOCK_EX):
            yield

    @contextmanager
    def user(self) -> Iterator["User"]:
        """Use what is shared until `with` ends."""
        with (self._folder / "users").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield User(file.fileno())

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        with (self._folder / name).open("w") as file:
            fcntl.flock(file, how)
            yield


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
