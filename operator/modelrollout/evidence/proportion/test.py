"""The sequential test of a proportion: errors, answers slower than a boundary, wrong labels, unsure answers."""

from dataclasses import dataclass

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.proportion import judging, step
from modelrollout.evidence.proportion.baseline_rate import BaselineRate
from modelrollout.evidence.proportion.question import ProportionQuestion
from modelrollout.evidence.proportion.state import ProportionState
from modelrollout.evidence.sequential import SETTLED, Settled
from modelrollout.evidence.verdict import Judgement


@dataclass(frozen=True, slots=True)
class ProportionTest(ProportionQuestion):
    """A `SequentialTest` of blocks of counts."""

    def start(self, champion_history: ArmCounts | None = None) -> ProportionState:
        """The state before the first window.

        champion_history: the champion alone, before the rollout. It only sharpens the stakes: it is no evidence, and a
            wrong one costs time but not validity.
        """
        return ProportionState(baseline=BaselineRate.of(champion_history))

    def update(
        self, state: ProportionState, counts: Block, settled: Settled = SETTLED, pods: tuple[int, int] = (0, 0)
    ) -> ProportionState:
        """The state after one more window. pods: of the champion and of the challenger, where they are known."""
        return step.update(self, state, counts, settled, pods)

    def judge(self, state: ProportionState, reference: str = "champion") -> Judgement:
        return judging.judge(self, state, reference)


def start(test: ProportionTest, champion_history: ArmCounts | None = None) -> ProportionState:
    """The state before the first window, as `ProportionTest.start`."""
    return test.start(champion_history)
