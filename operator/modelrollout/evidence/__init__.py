"""Anytime-valid sequential tests on counters of champion and challenger.

Pure: no clock, no I/O, standard library only. A gate on a proportion is used like this:

    test = ProportionTest(margin=0.005, alpha=0.01, beta=0.01, dispersion=measured)
    state = start(test, champion_history)
    state = update(test, state, block)          # once per scrape window, in order
    judgement = judge(test, state)              # verdict, message, evidence
    decision = combine({"errors": judgement, ...}, alpha=0.01)
"""

from modelrollout.evidence.combine import Decision, combine, shares
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.proportion import ProportionState, ProportionTest, judge, start, update
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, eta_seconds, unavailable

__all__ = [
    "ArmCounts",
    "Block",
    "Decision",
    "Guarantee",
    "Judgement",
    "ProportionState",
    "ProportionTest",
    "Verdict",
    "combine",
    "eta_seconds",
    "judge",
    "shares",
    "start",
    "unavailable",
    "update",
]
