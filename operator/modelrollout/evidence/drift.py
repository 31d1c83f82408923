"""The sequential test for drift: do the arms' predictions (or inputs) fall into the same buckets?

Without a tolerance, the two-sample multinomial e-process (Turner, Ly and Grunwald, 2024): the likelihood
ratio of the arms' own smoothed past frequencies to their request-weighted mixture. Its expectation in a
window is (sum p q_a / q_0)^n_a * (sum p q_b / q_0)^n_b <= (sum p)^N = 1 by the inequality of means.

Equality is never quite true, so a tolerance is the usual case: the total variation between the arms, the part
of the answers that would have to change bucket, is at most `tolerated`. Then for *every* set of buckets the
challenger's share exceeds the champion's by no more than that. The set in which it has been higher so far is
chosen before each window, and "falls into that set" is an event for the half-plane e-process. Promotion needs
every step of the cumulative distribution to differ by surely less than `margin`, in both directions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any, Self

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.eprocess import NEVER, log_mean_exp, shiryaev_roberts_step
from modelrollout.evidence.halfplane import HalfPlane, log_e_value, log_e_value_of_counts, log_growth
from modelrollout.evidence.packing import pack_floats, unpack_floats
from modelrollout.evidence.proportion.bets import hoped_rate
from modelrollout.evidence.sequential import SETTLED, Evidence, Settled, verdict_of
from modelrollout.evidence.verdict import Guarantee, Judgement, Verdict, percent_text, undecided_text

# Frequencies of the champion and of the challenger, by bucket.
_Expected = tuple[list[float], list[float]]

_PSEUDO_COUNT = 20.0
_AGREEING_WINDOWS = 3


@dataclass(frozen=True, slots=True)
class DriftTest:
    """What is asked of the distributions over `buckets` buckets; rates as in `ProportionTest`.

    tolerated: total variation distance (0..1) that is no reason to roll back.
    margin: distance of the cumulative distributions that surely is not reached when promoted.
    """

    buckets: int
    margin: float
    tolerated: float = 0.0
    alpha: float = 0.01
    beta: float = 0.01
    horizon: int = 720
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if self.buckets < 2:
            raise ValueError("drift needs at least two buckets")
        if not (0 <= self.tolerated < 1 and 0 < self.margin < 1):
            raise ValueError("tolerated and margin must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class DriftState:
    """All that a test remembers between windows; `champion` and `challenger` are counts by bucket."""

    champion: tuple[int, ...]
    challenger: tuple[int, ...]
    log_improvements: tuple[float, ...]
    log_regression: float = 0.0
    log_onset: float = NEVER
    windows: int = 0
    best_rollback: float = 0.0
    best_promotion: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields; `from_dict` restores it exactly."""
        packed = (
            self.log_regression,
            self.log_onset,
            self.best_rollback,
            self.best_promotion,
            *self.log_improvements,
        )
        return {
            "windows": self.windows,
            "champion": list(self.champion),
            "challenger": list(self.challenger),
            "evidence": pack_floats(packed),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        steps = 2 * (len(fields["champion"]) - 1)
        packed = iter(unpack_floats(fields["evidence"], 4 + steps))
        log_regression, log_onset, best_rollback, best_promotion = islice(packed, 4)
        return cls(
            champion=tuple(fields["champion"]),
            challenger=tuple(fields["challenger"]),
            log_improvements=tuple(packed),
            log_regression=log_regression,
            log_onset=log_onset,
            windows=int(fields["windows"]),
            best_rollback=best_rollback,
            best_promotion=best_promotion,
        )


def start_drift(test: DriftTest) -> DriftState:
    """The state before the first window."""
    nothing = (0,) * test.buckets
    return DriftState(nothing, nothing, (0.0,) * (2 * (test.buckets - 1)))


def update_drift(
    test: DriftTest,
    state: DriftState,
    champion: Sequence[int],
    challenger: Sequence[int],
    settled: Settled = SETTLED,
) -> DriftState:
    """The state after one more window of counts by bucket (not cumulative).

    Raises ValueError if the number of buckets is not the test's. A window without requests of one arm only
    teaches.
    """
    if not len(champion) == len(challenger) == test.buckets:
        raise ValueError(f"expected {test.buckets} buckets in both arms")
    learnt = replace(state, champion=_sums(state.champion, champion), challenger=_sums(state.challenger, challenger))
    if not sum(champion) or not sum(challenger):
        return learnt
    expected = _expected(state)
    factor = (_tolerant_factor if test.tolerated else _multinomial_factor)(test, expected, champion, challenger)
    factor = min(factor / test.dispersion, -math.log(test.alpha) / _AGREEING_WINDOWS)
    learnt = replace(learnt, windows=state.windows + 1)
    if settled.rollback:
        learnt = replace(
            learnt,
            log_regression=state.log_regression + factor,
            log_onset=shiryaev_roberts_step(state.log_onset, factor, start=state.windows < test.horizon),
        )
    if settled.promotion:
        learnt = replace(learnt, log_improvements=_promotion_steps(test, state, expected[0], champion, challenger))
    return replace(
        learnt,
        best_rollback=max(state.best_rollback, _log_e_rollback(test, learnt)),
        best_promotion=max(state.best_promotion, min(learnt.log_improvements)),
    )


def judge_drift(test: DriftTest, state: DriftState, names: Sequence[str], reference: str = "champion") -> Judgement:
    """The verdict of a drift gate. Its message shows the PSI and the bucket of which the shares differ most.

    names: of the buckets, for a person. reference: what the message calls the other arm.
    """
    rollback = _log_e_rollback(test, state)
    seen = sum(state.challenger)
    size = _size(state, names, reference)
    needed = _requests_needed(test, state)
    verdict = verdict_of(Evidence(rollback, state.best_rollback, state.best_promotion), test.alpha, test.beta)
    if verdict is Verdict.FAIL:
        alarm = percent_text(math.exp(-state.best_rollback))
        message = f"failed: {size}; chance of a false alarm at most {alarm}"
    elif verdict is Verdict.PASS:
        message = f"passed: {size}"
    else:
        message = f"{undecided_text(seen, needed)} ({size})"
    return Judgement(
        verdict=verdict,
        guarantee=Guarantee.ASSUMED,
        message=message,
        log_e_rollback=rollback,
        log_e_promotion=state.best_promotion,
        champion_rate=None,
        challenger_rate=None,
        gap_bound=None,
        requests_seen=seen,
        requests_needed=needed,
    )


def _size(state: DriftState, names: Sequence[str], reference: str) -> str:
    size = f"population stability index {population_stability_index(state.champion, state.challenger):.2g}"
    if not sum(state.champion) or not sum(state.challenger):
        return size
    shares = zip(_frequencies(state.champion, 0.0), _frequencies(state.challenger, 0.0), names, strict=True)
    theirs, ours, name = max(shares, key=lambda share: abs(share[1] - share[0]))
    most = f"{percent_text(ours)} of the challenger's and {percent_text(theirs)} of the {reference}'s"
    return f"{size}, {most} are in bucket {name}"


def population_stability_index(champion: Sequence[int], challenger: Sequence[int]) -> float:
    """PSI of two histograms, smoothed by half a count per bucket; 0 without data.

    To look at, not to gate on: with J buckets and no drift at all it is about (J - 1) (1/n_a + 1/n_b).
    """
    if not sum(champion) or not sum(challenger):
        return 0.0
    ours, theirs = _frequencies(challenger, 0.5), _frequencies(champion, 0.5)
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(theirs, ours, strict=True))


def _multinomial_factor(
    test: DriftTest, expected: _Expected, champion: Sequence[int], challenger: Sequence[int]
) -> float:
    theirs, ours = expected
    champion_total, challenger_total = sum(champion), sum(challenger)
    total = champion_total + challenger_total
    factor = 0.0
    for a, b, x, y in zip(theirs, ours, champion, challenger, strict=True):
        mixture = (champion_total * a + challenger_total * b) / total
        factor += x * math.log(a / mixture) + y * math.log(b / mixture)
    return factor


def _tolerant_factor(test: DriftTest, expected: _Expected, champion: Sequence[int], challenger: Sequence[int]) -> float:
    theirs, ours = expected
    grown = [b > a for a, b in zip(theirs, ours, strict=True)]
    null = HalfPlane(1.0, test.tolerated)
    champion_rate = null.nearest(_within(theirs, grown))
    challenger_rate = min(_within(ours, grown), 1 - 1e-6)
    if challenger_rate <= null.allowed(champion_rate):
        return 0.0
    window = Block(_event(champion, grown), _event(challenger, grown))
    return log_e_value(window, null, champion_rate, challenger_rate)


def _promotion_steps(
    test: DriftTest, state: DriftState, theirs: Sequence[float], champion: Sequence[int], challenger: Sequence[int]
) -> tuple[float, ...]:
    """Two tests per inner boundary: the challenger is surely not `margin` higher there, nor lower.

    Each is decided by itself, so one that has reached its level stays as it is.
    """
    null = HalfPlane(1.0, test.margin)
    level = -math.log(test.beta)
    cap = level / _AGREEING_WINDOWS
    champion_total, challenger_total = sum(champion), sum(challenger)
    earlier = iter(state.log_improvements)
    steps = []
    up_to = zip(accumulate(theirs), accumulate(champion), accumulate(challenger), strict=True)
    for share, of_champion, of_challenger in islice(up_to, test.buckets - 1):
        for expected, bad, challenger_bad in (
            (1 - share, champion_total - of_champion, challenger_total - of_challenger),
            (share, of_champion, of_challenger),
        ):
            log_e = next(earlier)
            if log_e < level:
                rate = null.nearest(expected)
                factor = log_e_value_of_counts(
                    (champion_total, bad), (challenger_total, challenger_bad), null, rate, hoped_rate(null, rate)
                )
                log_e += min(factor / test.dispersion, cap)
            steps.append(log_e)
    return tuple(steps)


def _requests_needed(test: DriftTest, state: DriftState) -> float:
    """Challenger requests until promotion, with equal distributions and the allocation seen so far."""
    seen, others = sum(state.challenger), sum(state.champion)
    level = -math.log(test.beta)
    if state.best_promotion >= level:
        return seen
    null = HalfPlane(1.0, test.margin)
    theirs, _ = _expected(state)
    per_request = others / seen if seen and others else 1.0
    rates = [null.nearest(math.fsum(theirs[boundary:])) for boundary in range(1, test.buckets)]
    growth = min(log_growth(per_request, 1.0, null, rate, hoped_rate(null, rate)) for rate in rates)
    return seen + max(0.0, level - min(state.log_improvements)) * test.dispersion / growth


def _log_e_rollback(test: DriftTest, state: DriftState) -> float:
    return log_mean_exp((state.log_regression, state.log_onset - math.log(test.horizon)))


def _expected(state: DriftState) -> _Expected:
    """Frequencies of both arms by what has been seen, the challenger's drawn towards the champion's."""
    theirs = _frequencies(state.champion, 1.0)
    buckets = len(theirs)
    weight = sum(state.challenger) + _PSEUDO_COUNT * buckets
    ours = [
        (count + _PSEUDO_COUNT * buckets * rate) / weight for count, rate in zip(state.challenger, theirs, strict=True)
    ]
    return theirs, ours


def _frequencies(counts: Sequence[int], smoothing: float) -> list[float]:
    total = sum(counts) + smoothing * len(counts)
    return [(count + smoothing) / total for count in counts]


def _within(frequencies: Sequence[float], chosen: Sequence[bool]) -> float:
    return math.fsum(rate for rate, inside in zip(frequencies, chosen, strict=True) if inside)


def _event(counts: Sequence[int], chosen: Sequence[bool]) -> ArmCounts:
    return ArmCounts(sum(counts), sum(count for count, inside in zip(counts, chosen, strict=True) if inside))


def _sums(before: Sequence[int], more: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(before, more, strict=True))
