"""The sequential test of a proportion.

question   what is asked, and of which error rates
bets       what a challenger may be like, and how much is bet on it
step       one window: the evidence for rollback and for promotion
bound      how far the challenger may surely not lie beyond the margin
retreat    whether a window is bad enough to take traffic away until more is known
state      what is remembered between windows
judging    the verdict, with its reasons
"""

from modelrollout.evidence.proportion.judging import gap_bound, judge
from modelrollout.evidence.proportion.question import UNMEASURED_DISPERSION, ProportionQuestion
from modelrollout.evidence.proportion.retreat import looks_gross
from modelrollout.evidence.proportion.state import ProportionState
from modelrollout.evidence.proportion.step import log_e_rollback, update
from modelrollout.evidence.proportion.test import ProportionTest, start

__all__ = [
    "UNMEASURED_DISPERSION",
    "ProportionQuestion",
    "ProportionState",
    "ProportionTest",
    "gap_bound",
    "judge",
    "log_e_rollback",
    "looks_gross",
    "start",
    "update",
]
