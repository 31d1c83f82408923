"""How a rollout goes if every count is as expected: the operator's own decisions in a cluster that never fails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, floor

from modelrollout.api.evidence import ChampionHistory
from modelrollout.api.model import Model
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.planning import Stage
from modelrollout.offline.ending import Ending, ending_of
from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.decide import decide
from modelrollout.rollout.measurements import Counted, Window
from modelrollout.rollout.observation import Observation, RouteObservation, VersionObservation
from modelrollout.rollout.plan import Plan
from modelrollout.rollout.settings import Settings

_START = datetime(2000, 1, 1, tzinfo=UTC)
_BEFORE = Model(bento="before:v0", image="before")
# A decision at each window while the rollout is young, and about so many in each doubling of its age.
_DECISIONS_PER_AGE = 100


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the versions answer.

    requests_per_second: of all together. champion, reference, challenger: share of bad requests, 0..1, by gate, of the
        champion, of what the gate compares with (the champion, a baseline or a fixed figure) and of the challenger.
    dispersion: how much more their counts vary than those of independent requests; as measured, or as assumed while
        it is not.
    """

    requests_per_second: float
    champion: Mapping[str, float]
    reference: Mapping[str, float]
    challenger: Mapping[str, float]
    dispersion: float


@dataclass(frozen=True, slots=True)
class Course:
    """A rollout from its first weight on.

    seconds, requests: until the end, and the challenger's in that time. message: the operator's reason.
    stages: the weights in their order; the last goes on until the deadline.
    """

    ending: Ending
    message: str
    seconds: float
    requests: int
    stages: tuple[Stage, ...]


def expected_course(spec: ModelRolloutSpec, traffic: Traffic, settings: Settings) -> Course:
    """The course of a rollout of `spec.model`, judged by the gates of `spec` that count bad requests.

    Approvals are given at once. Raises ValueError if no gate does.
    """
    counted = tuple(gate for gate in spec.gates if gate.proportion)
    if not counted:
        raise ValueError("no gate counts bad requests")
    spec = spec.model_copy(update={"gates": counted, "suspend": False})
    deadline = spec.strategy.deadline.after.seconds
    weights: list[tuple[float, int]] = []
    since = 0.0
    for look in _looks(spec, traffic, settings):
        if not weights or weights[-1][1] != look.weight:
            weights.append((since, look.weight))
        since, ending = look.seconds, _ending(spec, look.plan.status)
        if ending is not Ending.UNDECIDED or look.seconds >= deadline:
            break
    status = look.plan.status
    decided = ending is not Ending.UNDECIDED and status.last_decision is not None
    return Course(
        ending=ending,
        message=status.last_decision.message if decided and status.last_decision else status.verdict,
        seconds=look.seconds,
        requests=look.requests,
        stages=tuple(
            Stage(weight / 100, until - since, traffic.requests_per_second)
            for (since, weight), (until, _) in pairwise([*weights, (max(deadline, look.seconds), 0)])
        ),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """A decision `seconds` after the first weight; `weight` and the challenger's `requests` up to then."""

    seconds: float
    weight: int
    requests: int
    plan: Plan


def _looks(spec: ModelRolloutSpec, traffic: Traffic, settings: Settings) -> Iterator[_Look]:
    plan = _first_weight(spec, traffic, settings)
    assert plan.status.evidence is not None
    interval, first = settings.scrape_interval, plan.status.evidence.window
    window, counts = first, _Counts(traffic)
    cold = _cold_windows(spec, interval)
    while True:
        reference_weight, weight = _weights(plan)
        through = window + 1 + (window - first) // _DECISIONS_PER_AGE
        measured: dict[str, list[Window]] = {gate: [] for gate in traffic.champion}
        for index in range(window + 1, through + 1):
            for gate, block in counts.over(interval, reference_weight, weight).items():
                if index - first > cold[gate]:
                    measured[gate].append(Window(index, block))
        now = datetime.fromtimestamp((through + 1) * interval + settings.scrape_lag, UTC)
        observation = replace(
            _carried_out(plan),
            measurements={gate: Counted(tuple(windows), through) for gate, windows in measured.items()},
            commands={"approve": str(through)},
        )
        plan = decide(spec, 2, plan.status, observation, settings, now)
        yield _Look((now - _START).total_seconds(), weight, counts.challenger, plan)
        window = through


def _cold_windows(spec: ModelRolloutSpec, interval: float) -> dict[str, int]:
    """How many windows each gate leaves out while the challenger's pods warm up, with that of their first requests."""
    warm_ups = {gate.name: gate.kind.warm_up_seconds for gate in spec.gates}
    return {gate: ceil(seconds / interval) + 1 if seconds else 0 for gate, seconds in warm_ups.items()}


class _Counts:
    """Whole requests, and whole bad ones, which never stray from what is expected by one."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._expected_reference = self._expected_challenger = 0.0
        self.reference = self.challenger = 0

    def over(self, seconds: float, reference_weight: int, weight: int) -> dict[str, Block]:
        """The requests of the next so many seconds with both arms at these weights, as each gate sees them."""
        reference, challenger = self.reference, self.challenger
        requests = self._traffic.requests_per_second * seconds
        self._expected_reference += requests * reference_weight / 100
        self._expected_challenger += requests * weight / 100
        self.reference, self.challenger = floor(self._expected_reference), floor(self._expected_challenger)
        return {
            gate: Block(
                _between(reference, self.reference, rate),
                _between(challenger, self.challenger, self._traffic.challenger[gate]),
            )
            for gate, rate in self._traffic.reference.items()
        }


def _between(earlier: int, later: int, rate: float) -> ArmCounts:
    return ArmCounts(later - earlier, floor(rate * later + 0.5) - floor(rate * earlier + 0.5))


def _first_weight(spec: ModelRolloutSpec, traffic: Traffic, settings: Settings) -> Plan:
    """The decision that gives the challenger its first weight, beside a champion whose behaviour is known."""
    before = spec.model_copy(update={"model": _BEFORE})
    plan = decide(before, 1, Status(), Observation(), settings, _START)
    for wanted in (before, spec, spec):
        plan = decide(wanted, 1, plan.status, _carried_out(plan), settings, _START)
    assert plan.status.evidence is not None
    evidence = plan.status.evidence.model_copy(update={"history": history(traffic, settings)})
    return replace(plan, status=plan.status.model_copy(update={"evidence": evidence}))


def history(traffic: Traffic, settings: Settings) -> tuple[ChampionHistory, ...]:
    """What the operator would know of the champion before a rollout at this traffic."""
    requests = round(traffic.requests_per_second * settings.scrape_interval * settings.history_windows)
    return tuple(
        ChampionHistory(gate=gate, requests=requests, bad=round(rate * requests), dispersion=traffic.dispersion)
        for gate, rate in traffic.champion.items()
    )


def _carried_out(plan: Plan) -> Observation:
    """The cluster just after a plan was carried out: every pod is ready and every gateway has answered."""
    assert plan.placement is not None
    return Observation(
        versions={
            wanted.version.hash: VersionObservation(wanted.version.hash, wanted.replicas, wanted.replicas, updated=True)
            for wanted in plan.placement.versions
        },
        route=RouteObservation(exists=True, weights=plan.placement.weights, settled=True),
    )


def _weights(plan: Plan) -> tuple[int, int]:
    """The weights, in percent, of what the challenger is compared with and of the challenger."""
    arms = arms_to_judge(plan.status)
    assert plan.placement is not None
    assert arms is not None
    return plan.placement.weights[arms.champion.hash], plan.placement.weights[arms.challenger.hash]


def _ending(spec: ModelRolloutSpec, status: Status) -> Ending:
    """As soon as it is decided: while a promotion only waits for pods, too."""
    promoting = status.rollout is not None and status.rollout.promoting_since is not None
    return Ending.PROMOTED if promoting else ending_of(spec, status)
