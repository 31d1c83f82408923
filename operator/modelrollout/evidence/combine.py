"""One decision from several gates.

Rollback needs one regressed gate: the weighted mean of e-values is an e-value for "no gate regressed" under
any dependence between the gates (Vovk and Wang, "E-values", 2021), at least as strong as Bonferroni.
Promotion needs every gate to pass, each at its own level: rejecting a union of nulls takes no correction
(Berger's intersection-union test).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.evidence.eprocess import log_weighted_mean_exp
from modelrollout.evidence.verdict import Judgement, Verdict, percent_text

# What the attempts after about the 430th may use of an error rate: nothing that counts, and still a positive number.
LEAST_ERROR = 1e-300


@dataclass(frozen=True, slots=True)
class Decision:
    """What all gates say together; `gates` names those that the verdict rests on."""

    verdict: Verdict
    gates: tuple[str, ...]
    log_e_rollback: float
    message: str


def shares(weights: Mapping[str, float], alpha: float) -> dict[str, float]:
    """The part of the false-rollback rate that each gate's own test may use: alpha * weight / sum of weights.

    A gate that fails at its own level then also decides `combine`, which adds what several gates say
    together.
    """
    total = sum(weights.values())
    return {name: alpha * weight / total for name, weight in weights.items()}


def error_of_attempt(error: float, attempt: int) -> float:
    """What attempt 1, 2, ... of one version may use of an error rate: all attempts together stay within it.

    80 % for the first, which hardly slows it down, and 80 % of what is left for every further one, so that repeats of a
    bad version cannot buy its promotion. Never so little that it cannot be divided among gates.
    """
    return max(LEAST_ERROR, float(error * 0.8 * 0.2 ** (attempt - 1)))


def combine(judgements: Mapping[str, Judgement], alpha: float, weights: Mapping[str, float] | None = None) -> Decision:
    """The decision over all gates; `weights` (positive, default equal) spread the false-rollback rate.

    Fail before all else, then unavailable, then undecided; pass only if every gate passes. A gate without
    data counts as an e-value of 1. Raises ValueError without gates.
    """
    if not judgements:
        raise ValueError("a decision needs at least one gate")
    weight_of = weights or dict.fromkeys(judgements, 1.0)
    evidence = log_weighted_mean_exp(
        (weight_of[name], judgement.log_e_rollback) for name, judgement in judgements.items()
    )
    failed = _named(judgements, Verdict.FAIL)
    if not failed and evidence >= -math.log(alpha):
        message = f"failed: all gates together; false alarm at most {percent_text(math.exp(-evidence))}"
        return Decision(Verdict.FAIL, tuple(judgements), evidence, message)
    for verdict in (Verdict.FAIL, Verdict.UNAVAILABLE, Verdict.UNDECIDED):
        if names := _named(judgements, verdict):
            return Decision(verdict, names, evidence, _messages(judgements, names))
    return Decision(Verdict.PASS, tuple(judgements), evidence, _messages(judgements, tuple(judgements)))


def _named(judgements: Mapping[str, Judgement], verdict: Verdict) -> tuple[str, ...]:
    return tuple(name for name, judgement in judgements.items() if judgement.verdict is verdict)


def _messages(judgements: Mapping[str, Judgement], names: tuple[str, ...]) -> str:
    return "; ".join(f"{name} {judgements[name].message}" for name in names)
