"""The four verdicts of a gate and what a person reads about them."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the evidence of one gate, or of all gates together, says now."""

    PASS = "Pass"
    FAIL = "Fail"
    UNDECIDED = "Undecided"
    UNAVAILABLE = "Unavailable"


class Guarantee(StrEnum):
    """How the declared error rates of a gate are backed.

    `EXACT` holds at every sample size, however often one looks. `ASYMPTOTIC` holds in the limit of many
    windows. `ASSUMED` holds as long as what is counted is no more bunched than was assumed. `THRESHOLD`
    promises nothing: a figure is compared with a limit.
    """

    EXACT = "Exact"
    ASYMPTOTIC = "Asymptotic"
    ASSUMED = "Assumed"
    THRESHOLD = "Threshold"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gate's verdict with the figures behind it.

    `log_e_rollback` and `log_e_promotion` are natural logarithms of e-values: the present one for rollback
    (it is what `combine` averages over gates), the best so far for promotion. Rates are fractions 0..1 for
    proportions, in the unit of the metric for means; a rate is None before the first request, and always for drift.
    `gap_bound` is an upper confidence bound of how far the challenger's share of bad requests lies beyond the margin:
    1 while nothing is known, 0 once the margin is surely kept. It is None where no bad requests are counted.
    `requests_unsettled` are those seen that counted for no promotion, because answers may have been late.
    `requests_needed` counts challenger requests from the start of the rollout, if the challenger is as good as the
    champion, or, where that is too little, goes on as so far; it is infinite when that would never lead to a pass.
    """

    verdict: Verdict
    guarantee: Guarantee
    message: str
    log_e_rollback: float
    log_e_promotion: float
    champion_rate: float | None
    challenger_rate: float | None
    gap_bound: float | None
    requests_seen: int
    requests_needed: float
    requests_unsettled: int = 0

    @property
    def requests_missing(self) -> float:
        """Challenger requests still to come before a decision can be expected."""
        return max(0.0, self.requests_needed - self.requests_seen)


def unavailable(reason: str, guarantee: Guarantee = Guarantee.THRESHOLD) -> Judgement:
    """The judgement of a gate whose source is down, broken or silent: never a fail."""
    return Judgement(Verdict.UNAVAILABLE, guarantee, reason, 0.0, 0.0, None, None, 1.0, 0, math.inf)


def eta_seconds(requests_missing: float, requests_per_second: float) -> float:
    """Seconds until `requests_missing` challenger requests have come; infinite when there is no traffic."""
    if requests_missing <= 0:
        return 0.0
    return requests_missing / requests_per_second if requests_per_second > 0 else math.inf


def undecided_text(seen: int, needed: float) -> str:
    """How far a gate is: "undecided: 1 240 of about 3 300 requests needed"."""
    if math.isinf(needed):
        return f"undecided: {_grouped(seen)} requests; as it has been so far it would not pass"
    return f"undecided: {_grouped(seen)} of about {_rounded(needed)} requests needed"


def percent_text(fraction: float | None) -> str:
    """0.0049 as "0.49 %"."""
    return "no data" if fraction is None else f"{100 * fraction:.3g} %"


def number_text(value: float | None) -> str:
    """A figure in a unit of the user's to four digits."""
    return "no data" if value is None else f"{value:.4g}"


def _rounded(estimate: float) -> str:
    """Two significant digits: 3274 as "3 300"."""
    unit = 10 ** max(0, math.floor(math.log10(max(estimate, 1))) - 1)
    return _grouped(round(estimate / unit) * unit)


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
