"""Windows of a champion and a challenger, and tests that have seen them."""

from functools import reduce

from modelrollout.evidence import (
    ArmCounts,
    Block,
    ProportionTest,
    start,
    update,
)

INDEPENDENT = ProportionTest(margin=0.005, dispersion=1.0)
BURSTY = ProportionTest(margin=0.005, dispersion=5.0)
HISTORY = ArmCounts(total=30_000, bad=150)


def block(champion_total=475, champion_bad=2, challenger_total=25, challenger_bad=0):
    return Block(ArmCounts(champion_total, champion_bad), ArmCounts(challenger_total, challenger_bad))


def after(test, windows, history=HISTORY):
    return reduce(lambda state, window: update(test, state, window), windows, start(test, history))
