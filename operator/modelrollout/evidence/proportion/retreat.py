"""A window that is no proof yet but bad enough to take traffic away until more is known."""

from modelrollout.evidence.counts import Block
from modelrollout.evidence.halfplane import HalfPlane
from modelrollout.evidence.late import at_worst
from modelrollout.evidence.proportion.bets import GROSS, REGRESSIONS, regressed_rates
from modelrollout.evidence.proportion.question import ProportionQuestion
from modelrollout.evidence.proportion.state import ProportionState
from modelrollout.evidence.proportion.step import expected_champion_rate, window_log_e_values
from modelrollout.evidence.sequential import SETTLED, Settled

# Evidence of one window for a large effect, in nats. A window of an equal challenger reaches it with a probability of
# at most exp(-4.5), 1.1 %, and in fact far more rarely; the calibration tells how often weight is taken for nothing.
ALARM = 4.5
LEAST_BAD = 3


def looks_gross(test: ProportionQuestion, state: ProportionState, block: Block, settled: Settled = SETTLED) -> bool:
    """Whether a window, after this state, is evidence of a gross failure beyond what chance makes of a good challenger.

    It decides nothing and spends nothing of the error rates: whoever acts on it only chooses a weight by the past.
    """
    window = at_worst(state.pending + block, settled & state.pending_settled)
    if window.challenger.bad < LEAST_BAD or not (window.champion.total or test.figure is not None):
        return False
    null = HalfPlane(test.ratio, test.tolerated)
    champion_rate = null.nearest(expected_champion_rate(test, state))
    rates = regressed_rates(null.allowed(champion_rate))
    gross = [rate for rate, odds in zip(rates, REGRESSIONS, strict=True) if odds >= GROSS]
    return max(window_log_e_values(test, window, null, champion_rate, gross, test.dispersion)) > ALARM
