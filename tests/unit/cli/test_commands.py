"""Commands are given only where they make sense, and show who gave them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli import worlds
from tests.unit.rollout.world import World, spec

from modelrollout.cli.commands import refusal, token

moments = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("command", "world", "reason"),
    [
        ("promote", worlds.rolling_out, ""),
        ("promote", worlds.waiting_for_approval, ""),
        ("promote", worlds.retried, ""),
        ("promote", worlds.serving, "no rollout is under way; churn:v1 is the champion"),
        ("promote", World, "the operator has not looked"),
        ("promote", worlds.promoting, "churn:v2 is being promoted already"),
        ("promote", worlds.watched, "no rollout is under way; churn:v2 is the champion"),
        ("promote", worlds.rolled_back, "no rollout is under way; churn:v1 is the champion"),
        ("abort", worlds.rolling_out, ""),
        ("abort", worlds.promoting, ""),
        ("abort", worlds.watched, ""),
        ("abort", worlds.decided, "no rollout is under way; churn:v2 is the champion"),
        ("abort", worlds.rolled_back, "no rollout is under way"),
        ("approve", worlds.waiting_for_approval, ""),
        ("approve", worlds.past_deadline, ""),
        ("approve", worlds.rolling_out, "the present step, weight 10, waits for no approval"),
        ("approve", worlds.promoting, "waits for no approval"),
        ("approve", worlds.serving, "no rollout is under way"),
        ("retry", worlds.rolled_back, ""),
        ("retry", worlds.retried, "churn:v2 was not rolled back"),
        ("retry", worlds.serving, "churn:v1 was not rolled back"),
    ],
)
def test_a_command_is_refused_where_it_makes_no_sense(command: str, world: Callable[[], World], reason: str) -> None:
    found = refusal(command, worlds.rollout(world()))
    assert (reason in found) if reason else (found == "")


@pytest.mark.parametrize("command", ["promote", "abort", "approve", "retry"])
def test_no_command_makes_sense_while_the_operator_is_told_to_do_nothing(command: str) -> None:
    world = worlds.waiting_for_approval()
    world.apply(spec("churn:v2", strategy=worlds.STEPS_WITH_APPROVAL, suspend=True))
    assert "spec.suspend is true" in refusal(command, worlds.rollout(world))


@pytest.mark.parametrize("command", ["promote", "abort", "approve", "retry"])
def test_a_command_waits_until_the_operator_has_seen_the_latest_spec(command: str) -> None:
    world = worlds.waiting_for_approval()
    world.apply(spec("churn:v3"))
    assert "has not looked at the latest change" in refusal(command, worlds.rollout(world))


def test_what_is_being_deleted_takes_no_commands() -> None:
    deleted = worlds.rollout(worlds.rolling_out(), deletionTimestamp="2026-11-24T15:00:00Z")
    assert refusal("abort", deleted) == "it is being deleted"


@pytest.mark.parametrize(
    ("command", "world"),
    [
        ("promote", worlds.rolling_out),
        ("abort", worlds.rolling_out),
        ("abort", worlds.watched),
        ("approve", worlds.waiting_for_approval),
        ("approve", worlds.past_deadline),
        ("retry", worlds.rolled_back),
    ],
)
def test_a_command_that_is_not_refused_is_carried_out(command: str, world: Callable[[], World]) -> None:
    subject = world()
    assert refusal(command, worlds.rollout(subject)) == ""
    subject.commands = {command: "a new value"}
    subject.run(10)
    assert subject.status.handled[command] == "a new value"


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=1)))
def test_no_two_commands_have_the_same_value(now: datetime, later: timedelta) -> None:
    try:
        then = now + later
    except OverflowError:
        return
    assert token("ada", now) != token("ada", then)


def test_a_value_says_who_gave_the_command_and_when() -> None:
    assert token("ada", datetime(2026, 11, 24, 15, tzinfo=UTC)) == "2026-11-24T15:00:00.000000+00:00 ada"
