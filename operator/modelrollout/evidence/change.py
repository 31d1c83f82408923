"""Detectors of change that may watch for ever, with a declared rate of false alarms.

Watched are counts by category, window by window: predictions by class, inputs by quantile of the training data,
answers that are unsure or wrong. The null hypothesis: in each window the shares differ from the reference of the
same phase (the same hour of the day or week) by a total variation of at most `tolerated`. Then no set of categories
gains more than that, so "falls into the set that has grown of late" is an event with a known bound, and the bets of
`halfplane` apply to it.

The detector is of the Shiryaev-Roberts type, M <- (M + 1) * factor (Shin, Ramdas and Rinaldo, "E-detectors", 2023):
as long as the null is true M less the number of windows is not expected to grow. An alarm at M >= run length thus
comes after no fewer than `run_length` windows on average, however the windows depend on what was before. A mean of
detectors, over sizes of the change or over features, is a detector again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from modelrollout.evidence.eprocess import NEVER, log_mean_exp, shiryaev_roberts_step
from modelrollout.evidence.halfplane import RATE_FLOOR, log_e_value_against_figure, with_odds_scaled
from modelrollout.evidence.packing import pack_floats, unpack_floats

# What a change may look like, as multiples of the odds that are tolerated.
CHANGES = (1.15, 1.4, 2.0, 4.0)
# So many windows must agree, so that one bad hour raises no alarm.
AGREEING_WINDOWS = 3
# Standard errors by which the reference may be off, having been counted too.
STANDARD_ERRORS = 2.0
# Windows until which what was seen counts half, when it is asked which categories have grown.
HALF_LIFE = 12.0
_MEMORY = 0.5 ** (1 / HALF_LIFE)


@dataclass(frozen=True, slots=True)
class UsualShares:
    """What is usual: counts by category for each phase of the cycle, and how much windows vary beyond chance.

    dispersion: variance of the windows' counts as a multiple of that of independent requests, at least 1.
    """

    counts: tuple[tuple[int, ...], ...]
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if not self.counts or len({len(phase) for phase in self.counts}) > 1 or len(self.counts[0]) < 2:
            raise ValueError("a reference needs phases of the same two categories or more")
        if any(not sum(phase) or min(phase) < 0 for phase in self.counts) or self.dispersion < 1:
            raise ValueError("each phase of a reference needs counts, and the dispersion is at least 1")

    @property
    def categories(self) -> int:
        return len(self.counts[0])

    def shares(self, phase: int) -> list[float]:
        """Of a phase, counted in windows since a cycle began; half a count a category smooths them."""
        counts = self.counts[phase % len(self.counts)]
        total = sum(counts) + 0.5 * len(counts)
        return [(count + 0.5) / total for count in counts]

    def total(self, phase: int) -> int:
        return sum(self.counts[phase % len(self.counts)])


def usual_shares(windows: Sequence[Sequence[int]], phases: int) -> UsualShares:
    """What windows in order, from the beginning of a cycle on, show to be usual.

    phases: windows in a cycle (24 for hours of a day); 1 without cycles. The dispersion is Pearson's, of the windows
    about their phase. Raises ValueError for fewer than two cycles, or a phase without a request.
    """
    if len(windows) < 2 * phases:
        raise ValueError(f"a reference of {phases} phases needs {2 * phases} windows, got {len(windows)}")
    counts = [[sum(column) for column in zip(*windows[phase::phases], strict=True)] for phase in range(phases)]
    reference = UsualShares(tuple(tuple(phase) for phase in counts))
    misfit = math.fsum(
        (count - sum(window) * share) ** 2 / (sum(window) * share)
        for index, window in enumerate(windows)
        if sum(window)
        for count, share in zip(window, reference.shares(index), strict=True)
    )
    freedom = (len(windows) - phases) * (reference.categories - 1)
    return replace(reference, dispersion=max(1.0, misfit / freedom))


@dataclass(frozen=True, slots=True)
class ChangeTest:
    """What is watched.

    reference: what is usual. tolerated: total variation from it (0..1) that is no change.
    run_length: windows until a false alarm, at least, on average: 2160 is one in 90 days of hours.
    watched: categories whose growth alone counts, as that of wrong answers; any that grow if empty.
    """

    reference: UsualShares
    tolerated: float
    run_length: float
    watched: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.tolerated < 1 or self.run_length <= 1:
            raise ValueError("tolerated must lie between 0 and 1, and run_length above 1")

    def start(self) -> "ChangeState":
        """The state before the first window, and after an alarm was acted upon."""
        nothing = (0.0,) * self.reference.categories
        return ChangeState(0, (NEVER,) * len(CHANGES), nothing, nothing)

    def update(self, state: "ChangeState", counts: Sequence[int], phase: int = 0) -> "ChangeState":
        """The state after one more window, in order, each once. Raises ValueError for other categories.

        A window without a request changes nothing but the count of windows.
        """
        if len(counts) != self.reference.categories:
            raise ValueError(f"expected {self.reference.categories} categories, got {len(counts)}")
        total = sum(counts)
        if not total:
            return replace(state, windows=state.windows + 1)
        shares = self.reference.shares(phase)
        return ChangeState(
            windows=state.windows + 1,
            log_sums=self._grown(state, counts, shares, self.reference.total(phase)),
            observed=_decayed(state.observed, counts),
            expected=_decayed(state.expected, [total * share for share in shares]),
        )

    def _grown(
        self, state: "ChangeState", counts: Sequence[int], shares: list[float], counted: int
    ) -> tuple[float, ...]:
        chosen = self.watched or state.grown
        usual = math.fsum(shares[category] for category in chosen)
        doubt = STANDARD_ERRORS * math.sqrt(self.reference.dispersion * usual * (1 - usual) / counted)
        allowed = max(usual + self.tolerated + doubt, RATE_FLOOR)
        inside, total = sum(counts[category] for category in chosen), sum(counts)
        if not chosen or allowed >= 1 - RATE_FLOOR:
            factors = [0.0] * len(CHANGES)
        else:
            groups = min(self.reference.dispersion, total)
            rates = [with_odds_scaled(allowed, odds) for odds in CHANGES]
            factors = [log_e_value_against_figure(total, inside, allowed, rate) / groups for rate in rates]
        most = math.log(self.run_length) / AGREEING_WINDOWS
        return tuple(
            [
                shiryaev_roberts_step(log, min(f, most), start=True)
                for log, f in zip(state.log_sums, factors, strict=True)
            ]
        )


@dataclass(frozen=True, slots=True)
class ChangeState:
    """All that a detector remembers: windows, log M for each of `CHANGES`, and decayed counts seen and expected."""

    windows: int
    log_sums: tuple[float, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]

    @property
    def log_m(self) -> float:
        """Logarithm of the detector; an alarm is due at the logarithm of the run length."""
        return log_mean_exp(self.log_sums)

    @property
    def grown(self) -> tuple[int, ...]:
        """Categories that were more frequent of late than the reference has them."""
        pairs = zip(self.observed, self.expected, strict=True)
        return tuple(category for category, (seen, usual) in enumerate(pairs) if seen > usual)

    @property
    def moved_most(self) -> int | None:
        """The category of which the share differs most from the reference of late; None before any request."""
        if not sum(self.observed):
            return None
        return max(
            range(len(self.observed)), key=lambda category: abs(self.observed[category] - self.expected[category])
        )

    def shares_of(self, category: int) -> tuple[float, float]:
        """Share of a category of late, and its usual one. Raises ZeroDivisionError before any request."""
        return self.observed[category] / sum(self.observed), self.expected[category] / sum(self.expected)

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON-able fields; `from_dict` restores it exactly."""
        packed = (*self.log_sums, *self.observed, *self.expected)
        return {"windows": self.windows, "categories": len(self.observed), "evidence": pack_floats(packed)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The state of `to_dict`. Raises KeyError or ValueError if the fields are not such a state."""
        sizes, categories = len(CHANGES), int(fields["categories"])
        packed = unpack_floats(fields["evidence"], sizes + 2 * categories)
        return cls(
            int(fields["windows"]),
            packed[:sizes],
            packed[sizes : sizes + categories],
            packed[sizes + categories :],
        )


def is_alarm(states: Sequence[ChangeState], run_length: float) -> bool:
    """Whether what several detectors with this run length say together, one a feature, is an alarm.

    All of them together raise no more false alarms than one would.
    """
    return log_mean_exp([state.log_m for state in states]) >= math.log(run_length)


def _decayed(before: Sequence[float], more: Sequence[float]) -> tuple[float, ...]:
    return tuple([_MEMORY * earlier + now for earlier, now in zip(before, more, strict=True)])
