"""The sequential test of a proportion in many segments: is any of them hurt, and which?

Each segment (a country, a tariff, a class of devices) has the evidence for rollback of `ProportionTest`. A segment is
named by closed testing (`closed_testing`): the probability that any segment is ever named wrongly is at most alpha,
over all segments and looks together. A rollback needs no name: the mean over the segments is an e-process for "none is
hurt".

Promotion rests on all segments together, at the full beta. That none is hurt is not proven segment by segment: the
smallest would then hold every good challenger for ever.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from modelrollout.evidence.closed_testing import closed_log_e
from modelrollout.evidence.counts import EMPTY_BLOCK, ArmCounts, Block
from modelrollout.evidence.eprocess import log_mean_exp
from modelrollout.evidence.proportion import ProportionState, ProportionTest, log_e_rollback
from modelrollout.evidence.sequential import SETTLED, Evidence, Settled, verdict_of
from modelrollout.evidence.verdict import Judgement, Verdict, percent_text

OTHERS = "others"


@dataclass(frozen=True, slots=True)
class SegmentsTest:
    """A `SequentialTest` of blocks of counts by segment.

    question: what is asked of all segments together, and of each.
    segments: the names told apart, fixed before the first window; what comes under any other counts under `OTHERS`.
        The more there are, the more evidence each needs: as much as alone at alpha / number of segments.
    """

    question: ProportionTest
    segments: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.segments or len(set(self.segments)) < len(self.segments) or OTHERS in self.segments:
            raise ValueError(f"segments must be there, differ, and not be called {OTHERS}")

    @property
    def alpha(self) -> float:
        return self.question.alpha

    @property
    def beta(self) -> float:
        return self.question.beta

    @property
    def _of_segment(self) -> ProportionTest:
        # A name takes so much evidence, which a minute may add the usual part of.
        return replace(self.question, alpha=self.alpha / (len(self.segments) + 1))

    def start(self, champion_history: Mapping[str, ArmCounts] | None = None) -> "SegmentsState":
        """The state before the first window. champion_history: by segment, as for `ProportionTest.start`."""
        history = champion_history or {}
        everything = sum(history.values(), ArmCounts())
        return SegmentsState(
            together=self.question.start(everything if everything.total else None),
            segments={name: self._of_segment.start(history.get(name)) for name in (*self.segments, OTHERS)},
        )

    def update(
        self, state: "SegmentsState", counts: Mapping[str, Block], settled: Settled = SETTLED
    ) -> "SegmentsState":
        """The state after one more window. Windows come in order, each once; a segment may be missing."""
        blocks = self._known(counts)
        segments = {
            name: self._of_segment.update(of_segment, blocks.get(name, EMPTY_BLOCK), settled)
            for name, of_segment in state.segments.items()
        }
        log_e = self._log_e(segments)
        level = -math.log(self.alpha)
        named = [name for name, closed in closed_log_e(log_e).items() if closed >= level and name not in state.hurt]
        return SegmentsState(
            together=self.question.update(state.together, sum(blocks.values(), EMPTY_BLOCK), settled),
            segments=segments,
            hurt=(*state.hurt, *named),
            best_rollback=max(state.best_rollback, log_mean_exp(list(log_e.values()))),
        )

    def judge(self, state: "SegmentsState", reference: str = "champion") -> Judgement:
        """What the evidence says; the message names the segments that are hurt. Figures are of all together."""
        together = self.question.judge(state.together, reference)
        rollback = log_mean_exp(list(self._log_e(state.segments).values()))
        evidence = Evidence(rollback, state.best_rollback, state.together.best_promotion)
        verdict = verdict_of(evidence, self.alpha, self.beta)
        return replace(
            together,
            verdict=verdict,
            message=_failed(self, state, reference) if verdict is Verdict.FAIL else _so_far(together, verdict),
            log_e_rollback=rollback,
        )

    def _known(self, counts: Mapping[str, Block]) -> dict[str, Block]:
        blocks: dict[str, Block] = {}
        for name, block in counts.items():
            known = name if name in self.segments else OTHERS
            blocks[known] = blocks.get(known, EMPTY_BLOCK) + block
        return blocks

    def _log_e(self, segments: Mapping[str, ProportionState]) -> dict[str, float]:
        return {name: log_e_rollback(self._of_segment, state) for name, state in segments.items()}


@dataclass(frozen=True, slots=True)
class SegmentsState:
    """All that a test remembers between windows. hurt: segments named so far, for good, in order of their naming."""

    together: ProportionState
    segments: Mapping[str, ProportionState]
    hurt: tuple[str, ...] = ()
    best_rollback: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields, well under 1 KiB a segment; `from_dict` restores it exactly."""
        return {
            "together": self.together.to_dict(),
            "segments": {name: state.to_dict() for name, state in self.segments.items()},
            "hurt": list(self.hurt),
            "bestRollback": self.best_rollback,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        return cls(
            together=ProportionState.from_dict(fields["together"]),
            segments={name: ProportionState.from_dict(state) for name, state in fields["segments"].items()},
            hurt=tuple(fields["hurt"]),
            best_rollback=float(fields["bestRollback"]),
        )


def _so_far(together: Judgement, verdict: Verdict) -> str:
    if together.verdict is verdict:
        return f"{together.message}; no segment is known to be hurt"
    # All together would pass, but the evidence that some segment is hurt is half-way, or all together fail.
    return f"undecided: no segment is known to be hurt, but it may be; all together {together.message}"


def _failed(test: SegmentsTest, state: SegmentsState, reference: str) -> str:
    if not state.hurt:
        alarm = percent_text(math.exp(-state.best_rollback))
        return f"failed: some segments are hurt, not known yet which; chance of a false alarm at most {alarm}"
    figures = "; ".join(_figures(name, state.segments[name].seen, reference) for name in state.hurt)
    return f"failed: hurt is {figures}; chance that any name is wrong at most {percent_text(test.alpha)}"


def _figures(name: str, seen: Block, reference: str) -> str:
    challenger, champion = percent_text(seen.challenger.rate), percent_text(seen.champion.rate)
    return f"{name} ({challenger} of the challenger's answers are bad, {champion} of the {reference}'s)"


def names_of(counts: Iterable[tuple[str, int]], most: int) -> tuple[str, ...]:
    """The `most` segments with the most requests before the rollout, largest first: those worth telling apart."""
    told_apart = [(name, total) for name, total in counts if total and name != OTHERS]
    return tuple(name for name, _ in sorted(told_apart, key=lambda item: (-item[1], item[0]))[:most])
