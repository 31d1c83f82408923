"""What there is to say about any stage."""

from collections.abc import Callable
from dataclasses import dataclass

from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.holds import Check, Hold
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.situation import Situation


@dataclass(frozen=True, slots=True)
class StageRules:
    """phase: the stage in the words of the status.

    successors: the stages that may follow this one.
    splits_traffic: whether the version beside the champion gets its weight.
    counts_evidence: whether what is measured meanwhile counts for or against a version.
    advance: takes what comes next, if anything does.
    holds: what keeps a rollout from going on, in the order in which it is told. A rollback waits for none of them.
    """

    phase: Phase
    successors: frozenset[Stage]
    splits_traffic: bool
    counts_evidence: bool
    advance: Callable[[Draft], None]
    holds: tuple[Check, ...] = ()


def first_hold(holds: tuple[Check, ...], situation: Situation, rollout: UnderWay) -> Hold | None:
    """The first check that keeps a rollout from going on, if any does."""
    return next((hold for check in holds if (hold := check(situation, rollout))), None)
