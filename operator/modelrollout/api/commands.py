"""What people tell the operator to do: annotations of a ModelRollout, each with a value that was not used before."""

from collections.abc import Mapping
from enum import StrEnum

from modelrollout_contract.objects import GROUP


class Command(StrEnum):
    """A command, by the name that follows the group in its annotation."""

    PROMOTE = "promote"
    ABORT = "abort"
    APPROVE = "approve"
    RETRY = "retry"

    @property
    def annotation(self) -> str:
        """The key of its annotation."""
        return f"{GROUP}/{self}"

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return _SUMMARIES[self]


AWAITING_APPROVAL = frozenset({"AwaitingApproval", "ChampionFailing", "Unstable", "WatchProlonged"})
"""Reasons of the Ready condition for which a rollout, or the watch after it, goes on when somebody approves."""

_SUMMARIES: Mapping[Command, str] = {
    Command.PROMOTE: "Make the challenger the champion now, whatever the gates say.",
    Command.ABORT: "Give all traffic back to the champion, during a rollout or the watch after it.",
    Command.APPROVE: "Let a rollout go on that waits for an approval, or give it more time after a deadline.",
    Command.RETRY: "Let a version that was rolled back be tried again.",
}


def commands_in(annotations: Mapping[str, str]) -> dict[str, str]:
    """The values of the command annotations, by command."""
    return {command: annotations[command.annotation] for command in Command if command.annotation in annotations}
