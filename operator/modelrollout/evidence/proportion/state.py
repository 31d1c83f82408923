"""What a test of a proportion remembers between windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from modelrollout.evidence.counts import EMPTY_BLOCK, Block
from modelrollout.evidence.eprocess import NEVER
from modelrollout.evidence.packing import pack_floats, unpack_floats
from modelrollout.evidence.proportion.baseline_rate import GUESS, BaselineRate
from modelrollout.evidence.proportion.bets import GOOD_SHARES, REGRESSIONS
from modelrollout.evidence.proportion.bound import GAP_LADDER
from modelrollout.evidence.sequential import SETTLED, Settled

_EFFECTS, _HOPES, _RUNGS = len(REGRESSIONS), len(GOOD_SHARES), len(GAP_LADDER)
# The state of the first release had no sums of the minute.
_FLOATS_OF_FIRST_RELEASE = 2 * _EFFECTS + _HOPES + _RUNGS + 4


@dataclass(frozen=True, slots=True)
class ProportionState:
    """All that a test remembers between windows. Immutable.

    seen: everything, unsettled: the challenger's requests that counted for no promotion, pending: the part of it that
        waits for requests of the other arm, and for what it may count.
    minute: scrape windows since the minute began, regression_minute, improvement_minute: what it gathered (`caps`).
    doubted: regressions that a window spoke against while late answers of more traffic were awaited (`late`).
    """

    windows: int = 0
    seen: Block = EMPTY_BLOCK
    pending: Block = EMPTY_BLOCK
    pending_settled: Settled = SETTLED
    baseline: BaselineRate = GUESS
    log_regressions: tuple[float, ...] = (0.0,) * _EFFECTS
    log_onsets: tuple[float, ...] = (NEVER,) * _EFFECTS
    log_improvements: tuple[float, ...] = (0.0,) * _HOPES
    log_ladder: tuple[float, ...] = (0.0,) * _RUNGS
    unsettled: int = 0
    minute: int = 0
    regression_minute: tuple[float, ...] = (0.0,) * _EFFECTS
    improvement_minute: tuple[float, ...] = (0.0,) * _HOPES
    doubted: tuple[bool, ...] = (False,) * _EFFECTS
    best_rollback: float = 0.0
    best_promotion: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields of well under 1 KiB; `from_dict` restores it exactly."""
        packed = (
            *self.log_regressions,
            *self.log_onsets,
            *self.log_improvements,
            *self.log_ladder,
            *self.baseline,
            self.best_rollback,
            self.best_promotion,
            *self.regression_minute,
            *self.improvement_minute,
        )
        fields = {
            "windows": self.windows,
            "seen": self.seen.to_list(),
            "pending": self.pending.to_list(),
            "minute": self.minute,
            "unsettled": self.unsettled,
            "evidence": pack_floats(packed),
        }
        if self.pending_settled != SETTLED:
            fields["settled"] = list(self.pending_settled)
        if any(self.doubted):
            fields["doubted"] = [int(doubted) for doubted in self.doubted]
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`, of the first release too. Raises KeyError or ValueError for anything else."""
        of_first_release = "minute" not in fields
        minutes = () if of_first_release else (_EFFECTS, _HOPES)
        packed = iter(unpack_floats(fields["evidence"], _FLOATS_OF_FIRST_RELEASE + sum(minutes)))
        return cls(
            windows=int(fields["windows"]),
            seen=Block.from_list(fields["seen"]),
            pending=Block.from_list(fields["pending"]),
            pending_settled=Settled.from_list(list(fields.get("settled", SETTLED))),
            log_regressions=tuple(islice(packed, _EFFECTS)),
            log_onsets=tuple(islice(packed, _EFFECTS)),
            log_improvements=tuple(islice(packed, _HOPES)),
            log_ladder=tuple(islice(packed, _RUNGS)),
            baseline=BaselineRate(next(packed), next(packed)),
            best_rollback=next(packed),
            best_promotion=next(packed),
            unsettled=int(fields.get("unsettled", 0)),
            minute=int(fields.get("minute", 0)),
            regression_minute=tuple(islice(packed, _EFFECTS)) or (0.0,) * _EFFECTS,
            improvement_minute=tuple(islice(packed, _HOPES)) or (0.0,) * _HOPES,
            doubted=tuple(map(bool, fields.get("doubted", (0,) * _EFFECTS))),
        )
