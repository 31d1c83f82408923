"""One window of the sequential test of a proportion.

Two e-processes run side by side, over the windows of one rollout. Rollback: has the challenger more bad answers than
ratio * champion + tolerated? Promotion: has it surely fewer than ratio * champion + margin? Between the two a
challenger may be judged either way. docs/evidence.md derives what is used here.
"""

import math
from dataclasses import replace
from typing import NamedTuple

from modelrollout.evidence.caps import capped_minute, capped_step
from modelrollout.evidence.counts import EMPTY_BLOCK, ArmCounts, Block
from modelrollout.evidence.eprocess import log_weighted_mean_exp, shiryaev_roberts_step
from modelrollout.evidence.halfplane import HalfPlane, log_e_value_against_figure, log_e_values
from modelrollout.evidence.late import at_worst, hedged
from modelrollout.evidence.pods import pod_tolerance
from modelrollout.evidence.proportion.bets import (
    CAUTION,
    FROM_THE_START,
    GOOD_SHARES,
    GROSS,
    REGRESSION_SHARES,
    REGRESSIONS,
    good_rates,
    hoped_rate,
    regressed_rates,
)
from modelrollout.evidence.proportion.bound import BOUND_ERROR, GAP_LADDER, open_rungs
from modelrollout.evidence.proportion.question import UNMEASURED_DISPERSION, ProportionQuestion, agreement_cap
from modelrollout.evidence.proportion.state import ProportionState
from modelrollout.evidence.sequential import SETTLED, Settled

LARGEST_STAKE = 0.9
# The part of an arm's answers that no single pod of four or more explains.
GROSS_SHARE = 1 / 3
_NEW_MINUTE_OF_REGRESSIONS = (0.0,) * len(REGRESSIONS)
_NEW_MINUTE_OF_IMPROVEMENTS = (0.0,) * len(GOOD_SHARES)


def update(
    test: ProportionQuestion,
    state: ProportionState,
    block: Block,
    settled: Settled = SETTLED,
    pods: tuple[int, int] = (0, 0),
) -> ProportionState:
    """The state after one more window. Windows must come in order, each once; an empty one is harmless.

    pods: of the champion and of the challenger, where they are known.

    A window in which an arm had no request is held back and merged with the next, since it compares nothing.
    """
    seen, window = state.seen + block, state.pending + block
    settled &= state.pending_settled
    if not window.challenger.total or not (window.champion.total or test.figure is not None):
        return replace(state, seen=seen, pending=window, pending_settled=settled, minute=state.minute + 1)
    goes_on = state.minute < test.windows_per_minute
    known = test.figure is not None or state.baseline.is_known
    champion_rate = expected_champion_rate(test, state)
    regressions = _regressions(state, goes_on)
    improvements = _improvements(state, goes_on)
    ladder = state.log_ladder
    exposed = at_worst(window, settled)
    if exposed.champion.total if test.figure is None else settled.rollback:
        null = HalfPlane(test.ratio, tolerated(test, champion_rate, pods))
        rate = null.nearest(champion_rate)
        regressions = _rollback_step(
            test, regressions, exposed, null, rate, known, state.windows < test.horizon, settled.rollback
        )
    if settled.promotion and known:
        improvements = _promotion_step(test, improvements, window, champion_rate, _shown(state))
        ladder = _ladder_step(test, ladder, window, champion_rate)
    return ProportionState(
        windows=state.windows + 1,
        seen=seen,
        pending=EMPTY_BLOCK,
        pending_settled=SETTLED,
        baseline=state.baseline.after(window.champion),
        log_regressions=regressions.logs,
        log_onsets=regressions.onsets,
        log_improvements=improvements.logs,
        log_ladder=ladder,
        unsettled=state.unsettled + (0 if settled.promotion else window.challenger.total),
        minute=state.minute + 1 if goes_on else 1,
        regression_minute=regressions.minute,
        doubted=regressions.doubted,
        improvement_minute=improvements.minute,
        best_rollback=max(state.best_rollback, _log_e_rollback(test, regressions)),
        best_promotion=max(
            state.best_promotion, log_weighted_mean_exp(zip(GOOD_SHARES, improvements.logs, strict=True))
        ),
    )


def log_e_rollback(test: ProportionQuestion, state: ProportionState) -> float:
    """Present evidence for rollback: the weighted mean for a regression from the start and for a later onset."""
    return _log_e_rollback(test, _regressions(state, goes_on=True))


def expected_champion_rate(test: ProportionQuestion, state: ProportionState) -> float:
    """The champion's rate of late, or the figure that stands in for it."""
    return state.baseline.rate if test.figure is None else test.figure


def tolerated(test: ProportionQuestion, champion_rate: float, pods: tuple[int, int]) -> float:
    """By how much the challenger's rate may be higher without a rollback."""
    return max(test.tolerated, pod_tolerance(test.pod_spread, champion_rate, pods, test.margin))


def deciding_alone(test: ProportionQuestion) -> float:
    """Evidence in the largest effect alone that decides at the start in one window and later in two."""
    share = REGRESSION_SHARES[-1]
    early = -math.log(share * FROM_THE_START * test.alpha)
    late = math.log(test.horizon) - math.log(share * (1 - FROM_THE_START) * test.alpha)
    return max(early, late / 2) + 0.2


class _Regressions(NamedTuple):
    logs: tuple[float, ...]
    onsets: tuple[float, ...]
    minute: tuple[float, ...]
    doubted: tuple[bool, ...]


class _Improvements(NamedTuple):
    logs: tuple[float, ...]
    minute: tuple[float, ...]


def _regressions(state: ProportionState, goes_on: bool) -> _Regressions:
    """The evidence for rollback so far; the minute's is gone if it does not go on."""
    minute = state.regression_minute if goes_on else _NEW_MINUTE_OF_REGRESSIONS
    return _Regressions(state.log_regressions, state.log_onsets, minute, state.doubted)


def _improvements(state: ProportionState, goes_on: bool) -> _Improvements:
    return _Improvements(state.log_improvements, state.improvement_minute if goes_on else _NEW_MINUTE_OF_IMPROVEMENTS)


def _shown(state: ProportionState) -> ArmCounts:
    # What is pending is a part of the window.
    seen, pending = state.seen.challenger, state.pending.challenger
    return ArmCounts(seen.total - pending.total, seen.bad - pending.bad)


def _log_e_rollback(test: ProportionQuestion, evidence: _Regressions) -> float:
    early = log_weighted_mean_exp(zip(REGRESSION_SHARES, evidence.logs, strict=True))
    later = log_weighted_mean_exp(zip(REGRESSION_SHARES, evidence.onsets, strict=True)) - math.log(test.horizon)
    return log_weighted_mean_exp(((FROM_THE_START, early), (1 - FROM_THE_START, later)))


def _rollback_step(
    test: ProportionQuestion,
    before: _Regressions,
    window: Block,
    null: HalfPlane,
    champion_rate: float,
    known: bool,
    starts: bool,
    settled: bool,
) -> _Regressions:
    allowed = null.allowed(champion_rate)
    steps = window_log_e_values(test, window, null, champion_rate, regressed_rates(allowed), test.dispersion)
    if not known:
        steps = [*(0.0 for _ in steps[:-1]), steps[-1]]
    doubted = (False,) * len(steps)
    if not settled:
        doubted = tuple([was or step <= 0 for was, step in zip(before.doubted, steps, strict=True)])
        steps = [0.0 if was else hedged(step) for was, step in zip(before.doubted, steps, strict=True)]
    cap = agreement_cap(test, test.alpha)
    counted, minute = [], []
    for odds, gathered, step in zip(REGRESSIONS, before.minute, steps, strict=True):
        if odds < GROSS:
            added, together = capped_minute(gathered, step, cap)
        else:
            alone = _alone(test, window.challenger, allowed, odds) if gathered + step > cap else 0.0
            # Only the largest effect: what half of the answers shows may come in every window of a minute.
            alone += gathered if odds == REGRESSIONS[-1] else 0.0
            added, together = capped_step(gathered, step, cap, alone)
        counted.append(added)
        minute.append(together)
    return _Regressions(
        logs=tuple([log + step for log, step in zip(before.logs, counted, strict=True)]),
        onsets=tuple(
            [shiryaev_roberts_step(log, step, start=starts) for log, step in zip(before.onsets, counted, strict=True)]
        ),
        minute=tuple(minute),
        doubted=doubted,
    )


def _promotion_step(
    test: ProportionQuestion, before: _Improvements, window: Block, champion_rate: float, shown: ArmCounts
) -> _Improvements:
    null = HalfPlane(test.ratio, test.margin)
    cap = agreement_cap(test, test.beta)
    champion_rate = null.nearest(champion_rate)
    *hopes, cautious = good_rates(null, champion_rate, shown)
    steps = window_log_e_values(test, window, null, champion_rate, hopes, test.dispersion)
    steps += window_log_e_values(test, window, null, champion_rate, [cautious], 1 + CAUTION * (test.dispersion - 1))
    counted = [capped_minute(gathered, step, cap) for gathered, step in zip(before.minute, steps, strict=True)]
    return _Improvements(
        logs=tuple([log + step for log, (step, _) in zip(before.logs, counted, strict=True)]),
        minute=tuple([gathered for _, gathered in counted]),
    )


def _ladder_step(
    test: ProportionQuestion, log_ladder: tuple[float, ...], window: Block, champion_rate: float
) -> tuple[float, ...]:
    rungs = open_rungs(log_ladder, test.margin)
    if not rungs:
        return log_ladder
    cap = agreement_cap(test, BOUND_ERROR)
    ladder = list(log_ladder)
    for rung in rungs:
        null = HalfPlane(test.ratio, GAP_LADDER[rung])
        rate = null.nearest(champion_rate)
        [step] = window_log_e_values(test, window, null, rate, [hoped_rate(null, rate)], test.dispersion)
        ladder[rung] += min(step, cap)
    return tuple(ladder)


def window_log_e_values(
    test: ProportionQuestion,
    window: Block,
    null: HalfPlane,
    champion_rate: float,
    challenger_rates: list[float],
    dispersion: float,
) -> list[float]:
    """Of the window, for each alternative, with the counts of each arm divided by its dispersion.

    Requests that share their fate in groups no larger than the dispersion are counted as one a group (Jensen's
    inequality), and no group is larger than the arm. docs/evidence.md has the proof.
    """
    challenger = _in_groups(window.challenger, dispersion)
    if test.figure is None:
        return log_e_values(_in_groups(window.champion, dispersion), challenger, null, champion_rate, challenger_rates)
    null_rate = null.allowed(champion_rate)
    return [log_e_value_against_figure(*challenger, null_rate, rate) for rate in challenger_rates]


def _in_groups(arm: ArmCounts, dispersion: float) -> tuple[float, float]:
    size = min(dispersion, arm.total)
    return arm.total / size, arm.bad / size


def _alone(test: ProportionQuestion, challenger: ArmCounts, allowed: float, odds: float) -> float:
    """How much one window may count for, whatever its minute has gathered.

    However failures are bunched, 1 + stake * (share of bad answers - allowed) is an e-value as long as the
    challenger's rate is at most `allowed` (Markov's inequality), so gross failures may count for that much.
    A window in which a large part of the answers fails may even decide for the largest effect where no bursts were
    measured, but only early: a few clean windows rule this effect out, and a later onset has the horizon to pay for.
    """
    share = challenger.bad / challenger.total
    if odds == REGRESSIONS[-1] and share >= GROSS_SHARE and test.dispersion <= UNMEASURED_DISPERSION:
        return deciding_alone(test)
    stake = min(LARGEST_STAKE / allowed, challenger.total * (odds - 1) / min(test.dispersion, challenger.total))
    return math.log1p(stake * (share - allowed))
