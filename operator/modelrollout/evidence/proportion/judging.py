"""From the state of a proportion test to a verdict with its reasons."""

import math

from modelrollout.evidence.planning import promotion_effort
from modelrollout.evidence.proportion.bound import bound_beyond_margin
from modelrollout.evidence.proportion.question import ProportionQuestion
from modelrollout.evidence.proportion.state import ProportionState
from modelrollout.evidence.proportion.step import expected_champion_rate, log_e_rollback
from modelrollout.evidence.sequential import Evidence, verdict_of
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text, undecided_text


def judge(test: ProportionQuestion, state: ProportionState, reference: str = "champion") -> Judgement:
    """The verdict of one gate after the windows seen so far. `reference` is what its message calls the other arm."""
    rollback = log_e_rollback(test, state)
    needed = _requests_needed(test, state)
    verdict = verdict_of(Evidence(rollback, state.best_rollback, state.best_promotion), test.alpha, test.beta)
    return Judgement(
        verdict=verdict,
        guarantee=Guarantee.EXACT,
        message=_message(test, state, verdict, needed, reference),
        log_e_rollback=rollback,
        log_e_promotion=state.best_promotion,
        champion_rate=state.seen.champion.rate if test.figure is None else test.figure,
        challenger_rate=state.seen.challenger.rate,
        gap_bound=gap_bound(test, state),
        requests_seen=state.seen.challenger.total,
        requests_needed=needed,
        requests_unsettled=state.unsettled,
    )


def gap_bound(test: ProportionQuestion, state: ProportionState) -> float:
    """Upper 95 % confidence bound of how far the challenger lies beyond the margin (`bound_beyond_margin`)."""
    return bound_beyond_margin(state.log_ladder, test.margin, state.best_promotion)


def _message(test: ProportionQuestion, state: ProportionState, verdict: Verdict, needed: float, reference: str) -> str:
    if verdict is Verdict.FAIL:
        false_alarm = percent_text(math.exp(-state.best_rollback))
        return f"failed: {_rates(test, state, reference)}; chance of a false alarm at most {false_alarm}"
    if verdict is Verdict.PASS:
        return f"passed: {_rates(test, state, reference)}; the difference is below the margin"
    return undecided_text(state.seen.challenger.total, needed)


def _requests_needed(test: ProportionQuestion, state: ProportionState) -> float:
    """Challenger requests in total until promotion, at the allocation seen.

    If there is no difference to the champion, or, where that is too little, if the challenger goes on as so far.
    """
    challenger, champion = state.seen.challenger.total, state.seen.champion.total
    if state.best_promotion >= -math.log(test.beta):
        return challenger
    share = challenger / (challenger + champion) if challenger and champion else 0.5
    champion_rate = expected_champion_rate(test, state)
    effort = promotion_effort(test, champion_rate, share)
    if not effort.growth:
        effort = promotion_effort(test, champion_rate, share, state.seen.challenger.rate)
    missing = max(0.0, effort.level - max(state.log_improvements))
    return challenger + missing / effort.growth if effort.growth else math.inf


def _rates(test: ProportionQuestion, state: ProportionState, reference: str) -> str:
    challenger = percent_text(state.seen.challenger.rate)
    if test.figure is not None:
        return f"{challenger} of the challenger's answers are bad, the fixed figure is {percent_text(test.figure)}"
    champion = percent_text(state.seen.champion.rate)
    return f"{challenger} of the challenger's answers are bad, {champion} of the {reference}'s"
