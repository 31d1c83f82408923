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


def test_tests_that_disturb_nobody_run_beside_each_other(turns: Turns) -> None:
    with turns.beside_others():
        begun, end = started(turns.beside_others())
        assert begun.wait(LONG)
        end.set()


def test_a_test_that_disturbs_waits_for_the_others_and_lets_none_begin(turns: Turns) -> None:
    first_begun, first_end = started(turns.beside_others())
    assert first_begun.wait(LONG)
    alone_begun, alone_end = started(turns.alone())
    assert not alone_begun.wait(A_MOMENT)
    later_begun, later_end = started(turns.beside_others())
    assert not later_begun.wait(A_MOMENT)
    first_end.set()
    assert alone_begun.wait(LONG)
    assert not later_begun.is_set()
    alone_end.set()
    assert later_begun.wait(LONG)
    later_end.set()


def test_only_the_last_user_takes_down_what_is_shared(turns: Turns) -> None:
    with turns.user() as one:
        with turns.user() as another:
            assert not another.is_last()
        assert one.is_last()
