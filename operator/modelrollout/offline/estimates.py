"""What it takes each gate to decide, weight by weight: requests, time, and the chance of doing so in time."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf, prod

from modelrollout.api.gates import Gate
from modelrollout.api.gates.kind import Kind
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.evidence.planning import Effort, Stage, forecast, promotion_effort, rollback_effort
from modelrollout.evidence.proportion import ProportionTest
from modelrollout.offline.expected import Course, Traffic, history
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.gates.proportion import ProportionGateTest
from modelrollout.rollout.ramp import LEVELS
from modelrollout.rollout.settings import Settings


@dataclass(frozen=True, slots=True)
class Regression:
    """What makes a challenger worse: a factor and an addend of its share of bad requests. `text`: as users write it."""

    text: str
    factor: float = 1.0
    addend: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Regression":
        """A regression like `+1%` (percentage points) or `x1.5`. Raises ValueError for anything else."""
        found = re.fullmatch(r"\+(\d+(?:\.\d+)?)%|x(\d+(?:\.\d+)?)", text)
        if not found:
            raise ValueError("must be an increase like +1% or a factor like x1.5")
        points, factor = found.groups()
        regression = cls(text, float(factor or 1), float(points or 0) / 100)
        if regression.applied_to(0.5) <= 0.5:
            raise ValueError("must make the challenger worse")
        return regression

    def applied_to(self, rate: float) -> float:
        """The challenger's share of bad requests where what it is compared with has `rate`."""
        return min(1.0, rate * self.factor + self.addend)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it takes one gate to decide while the challenger is kept at one weight.

    requests: of the challenger until a decision, on average; infinite if there is never one. seconds: until they have
    come. chance: of a decision before the deadline. extra_bad: bad requests in that time that the champion would not
    have had.
    """

    gate: str
    weight: int
    requests: float
    seconds: float
    chance: float
    extra_bad: float = 0.0


class Estimator:
    """The gates of a spec that count bad requests, at one traffic, in which the challenger is a good one."""

    def __init__(self, spec: ModelRolloutSpec, traffic: Traffic, settings: Settings) -> None:
        horizon = settings.horizon(spec.strategy)
        past, figures = history(traffic, settings), spec.baseline.figures
        tests = gate_set(
            spec.judged_gates,
            spec.risk,
            1,
            horizon,
            past,
            figures=figures,
            windows_per_minute=settings.windows_per_minute,
        ).tests
        self._tests = {test.name: test.test for test in tests if isinstance(test, ProportionGateTest)}
        self._traffic = traffic
        self._settings = settings
        self._deadline = spec.strategy.deadline.after.seconds
        self._service = spec.baseline.service
        self._weights = weights(spec)

    def passes(self) -> Iterator[Estimate]:
        """What it takes to find out that the challenger is good."""
        for gate, test in self._tests.items():
            for weight in self._weights:
                yield self._estimate(gate, weight, self._pass(gate, test, weight / 100))

    def rollbacks(self, regression: Regression) -> Iterator[Estimate]:
        """What it takes to find out a challenger with this regression."""
        for gate, test in self._tests.items():
            reference = self._traffic.reference[gate]
            challenger = regression.applied_to(reference)
            for weight in self._weights:
                share = self._of_compared(weight / 100)
                effort = rollback_effort(test, reference, challenger, share) if share < 1 else _never(test)
                yield self._estimate(gate, weight, effort, challenger - self._traffic.champion[gate])

    def allows(self, gate: str, challenger_rate: float) -> bool:
        """Whether a challenger with this share of bad requests is within the gate's margin, and may be promoted."""
        test = self._tests[gate]
        return challenger_rate < test.ratio * self._traffic.reference[gate] + test.margin

    def chance_of_promotion(self, course: Course) -> float:
        """The chance that the good challenger is promoted before the deadline, about.

        course: what is expected of it. Gates are taken for independent.
        """
        return prod(
            forecast(course.stages, [self._pass(gate, test, stage.share) for stage in course.stages]).probability
            for gate, test in self._tests.items()
        )

    def _pass(self, gate: str, test: ProportionTest, share_of_all: float) -> Effort:
        share = self._of_compared(share_of_all)
        if share == 1:
            return _never(test)
        return promotion_effort(test, self._traffic.reference[gate], share, self._traffic.challenger[gate])

    def _of_compared(self, share: float) -> float:
        """The challenger's part of the requests that are compared, where it has `share` of all; both 0..1."""
        rest = 1 - share
        return share / (share + (min(rest, self._service.weight / 100) if self._service else rest))

    def _estimate(self, gate: str, weight: int, effort: Effort, excess: float = 0.0) -> Estimate:
        stage = Stage(weight / 100, self._deadline, self._traffic.requests_per_second)
        found = forecast([stage], [effort])
        pace = stage.share * stage.requests_per_second
        # Whatever the evidence, nothing is decided before a scrape was read.
        seconds = max(effort.requests / pace, self._settings.scrape_interval)
        return Estimate(
            gate=gate,
            weight=weight,
            requests=effort.requests,
            seconds=seconds,
            chance=found.probability,
            extra_bad=seconds * pace * excess if seconds < inf else inf,
        )


def weights(spec: ModelRolloutSpec) -> list[int]:
    """The weights in percent that a challenger may have before its promotion."""
    if spec.strategy.steps:
        return [step.weight for step in spec.strategy.steps]
    most = spec.strategy.ramp.max_weight
    return [*(level for level in LEVELS if level < most), most]


def champion_rates(
    gates: Iterable[Gate], assumed: Mapping[type[Kind], float], known: Mapping[str, float]
) -> dict[str, float]:
    """The champion's share of bad requests, 0..1, by gate, for the gates that count them.

    assumed: by kind of gate. known: by gate; takes precedence over what is assumed.
    """
    return {gate.name: known.get(gate.name, assumed[type(gate.kind)]) for gate in gates if gate.proportion}


def good_rates(
    gates: Iterable[Gate], champion: Mapping[str, float], reference: Mapping[str, float]
) -> dict[str, float]:
    """The shares of a good challenger: the champion's where that passes, else better by twice what a gate asks for.

    reference: of what each gate compares with.
    """
    most = {gate.name: min(0.0, gate.proportion.margin) for gate in gates if gate.proportion}
    return {
        gate: rate if rate <= reference[gate] + most[gate] else max(0.0, reference[gate] + 2 * most[gate])
        for gate, rate in champion.items()
    }


def _never(test: ProportionTest) -> Effort:
    """Without anything beside it a challenger cannot be compared."""
    return Effort(0.0, rollback_effort(test, 0.0, 0.0, 0.5).level)
