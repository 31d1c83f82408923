"""Who runs beside whom on what tests share."""

import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from modelrollout_testkit.turns import Turns

A_MOMENT = 0.2
LONG = 10.0


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    return Turns(tmp_path / "turns")


def started(turn: AbstractContextManager[None]) -> tuple[threading.Event, threading.Event]:
    """Take a turn in a thread of its own. Gives what says that it has begun, and what ends it."""
    begun, end = threading.Event(), threading.Event()

    def run() -> None:
        with turn:
            begun.set()
            end.wait(LONG)

    threading.Thread(target=run, daemon=True).start()
    return begun, end


def test_what_is_shared_is_set_up_by_one_after_the_other(turns: Turns) -> None:
    with turns.one_by_one():
        begun, end = started(turns.one_by_one())
        assert not begun.wait(A_MOMENT)
    assert begun.wait(LONG)
    end.set()


def test_only_the_last_user_takes_down_what_is_shared(turns: Turns) -> None:
    with turns.user() as one:
        with turns.user() as another:
            assert not another.is_last()
        assert one.is_last()
