"""To a file with one record a line, which several workers may share."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelrollout_serving.record import Record, encode_all
from modelrollout_serving.sinks.sink import Receipt, Unavailable


class JsonLines:
    """Appends to a file of JSON lines, and keeps one older file (`NAME.1`) beside it.

    most_bytes: size from which on a new file is begun. So at most about twice as much is on disk.
    """

    def __init__(self, path: Path, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def send(self, records: Sequence[Record]) -> Receipt:
        """Append whole lines or nothing. Raises Unavailable if the disk is full or the folder is not writable."""
        lines = b"\n".join([*encode_all(records), b""])
        try:
            with self._alone():
                self._append(lines)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror or error}") from error
        return Receipt(len(records))

    def close(self) -> None:
        """Nothing is left open between batches."""

    def _append(self, lines: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(lines) > self._most_bytes:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(file).st_size
            _write(file, lines, before)
        finally:
            os.close(file)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off the other workers of the pod."""
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _write(file: int, lines: bytes, before: int) -> None:
    """Write all of it, or leave the file as long as it was."""
    left = memoryview(lines)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        os.ftruncate(file, before)
        raise
