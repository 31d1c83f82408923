"""The same request answered by champion and challenger: how the two answers compare."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from modelrollout_outcomes.known import Known
from modelrollout_outcomes.records import Value
from modelrollout_outcomes.scoring import as_class, is_right

WINDOW_SECONDS = 60
MOST_CONFUSIONS = 200
"""Pairs of different answers that are told apart; the others are counted under `other`."""


class Pair(NamedTuple):
    """One request with both of its predictions, and the seconds that each took."""

    champion: Known
    challenger: Known
    champion_latency: float | None = None
    challenger_latency: float | None = None


@dataclass
class PairWindow:
    """Pairs of one stretch of request time.

    agreed: both predicted the same, or differ and are known to be wrong both. worse, better: they differ, and only the
    challenger, or only the champion, was wrong. unlabelled: they differ and the truth is not known.
    """

    agreed: int = 0
    worse: int = 0
    better: int = 0
    unlabelled: int = 0


@dataclass
class Comparison:
    """All pairs of two versions. Shifts are the challenger's less the champion's, as sums over `count` pairs."""

    windows: dict[int, PairWindow] = field(default_factory=lambda: defaultdict(PairWindow))
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    confidence_shift: float = 0.0
    confidence_count: int = 0
    latency_shift: float = 0.0
    latency_square: float = 0.0
    latency_count: int = 0


def outcome(champion: Value | None, challenger: Value | None, truth: Value | None) -> str:
    """Which count of a PairWindow a pair belongs to."""
    if champion is not None and challenger is not None and is_right(champion, challenger):
        return "agreed"
    if truth is None:
        return "unlabelled"
    was_right = is_right(champion, truth), is_right(challenger, truth)
    return {(True, False): "worse", (False, True): "better"}.get(was_right, "agreed")


def compare(pairs: Iterable[Pair]) -> Comparison:
    """Put pairs together, each in the window of its champion's request."""
    found = Comparison()
    for pair in pairs:
        _add(found, pair)
    return found


def _add(found: Comparison, pair: Pair) -> None:
    champion, challenger = pair.champion, pair.challenger
    truth = champion.truth if champion.truth is not None else challenger.truth
    window = found.windows[int(champion.at // WINDOW_SECONDS)]
    name = outcome(champion.prediction, challenger.prediction, truth)
    setattr(window, name, getattr(window, name) + 1)
    answers = as_class(champion.prediction), as_class(challenger.prediction)
    known = answers in found.confusion or len(found.confusion) < MOST_CONFUSIONS
    found.confusion[answers if known else ("other", "other")] += 1
    if champion.confidence is not None and challenger.confidence is not None:
        found.confidence_shift += challenger.confidence - champion.confidence
        found.confidence_count += 1
    if pair.champion_latency is not None and pair.challenger_latency is not None:
        difference = pair.challenger_latency - pair.champion_latency
        found.latency_shift += difference
        found.latency_square += difference * difference
        found.latency_count += 1
