"""A range of Prometheus' history, judged window by window as the operator would have judged it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import floor

from modelrollout.api.evidence import ChampionHistory
from modelrollout.api.gate_status import GateStatus
from modelrollout.api.identity import bento_version
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.metrics.prometheus.client import PrometheusClient, QueryRefused, SourceFailure
from modelrollout.metrics.prometheus.selectors import scrape_clock
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arm, Arms, MetricsSource
from modelrollout.offline.ending import Ending
from modelrollout.offline.errors import OfflineError
from modelrollout.rollout.comparing import FIRST_SCRAPES
from modelrollout.rollout.gate_set import GateSet, gate_set
from modelrollout.rollout.gates.gate_test import BASELINE, Reference
from modelrollout.rollout.history import champion_history
from modelrollout.rollout.judging import Assessment, assess
from modelrollout.rollout.measurements import BadQuery, Measurement, SourceDown, Windowed, selected
from modelrollout.rollout.pace import Pace
from modelrollout.rollout.settings import Settings

# Windows that one call of a source is asked for; it may give fewer.
_AT_ONCE = 240
# For one call: a range of hours is read at once.
_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gates say at the end of scrape window `index`."""

    index: int
    assessment: Assessment


async def judge_until_decided(
    client: PrometheusClient,
    spec: ModelRolloutSpec,
    arms: Arms,
    since: datetime,
    until: datetime,
    settings: Settings,
) -> list[Judged]:
    """The windows of a range up to the one that decides, or all of them. Raises OfflineError if Prometheus fails."""
    judged = []
    with closing(PrometheusSource(client, settings, seconds=_SECONDS)) as source:
        history = await past_of_champion(source, client, spec, arms, since, settings)
        looks = judge_range(source, spec, arms, since=since, until=until, settings=settings, history=history)
        async for look in looks:
            judged.append(look)
            if ending_of_gates(look) is not Ending.UNDECIDED:
                break
    return judged


def ending_of_gates(look: Judged) -> Ending:
    """What the gates alone decide: one that fails rolls back, all that pass promote."""
    if look.assessment.failure:
        return Ending.ROLLED_BACK
    return Ending.PROMOTED if look.assessment.all_pass else Ending.UNDECIDED


def end_of(look: Judged, interval: float) -> datetime:
    """When a window was over; it is judged a little later, once the scrapes can be read."""
    return datetime.fromtimestamp((look.index + 1) * interval, UTC)


async def judge_range(
    source: MetricsSource,
    spec: ModelRolloutSpec,
    arms: Arms,
    *,
    since: datetime,
    until: datetime,
    settings: Settings,
    history: tuple[ChampionHistory, ...] = (),
) -> AsyncIterator[Judged]:
    """Judge the windows of a range one by one, as if the challenger had got its first weight at `since`.

    history: what the champion did before; see `past_of_champion`. Raises OfflineError if the source fails.
    """
    gates = gate_set(
        spec.judged_gates,
        spec.risk,
        1,
        settings.horizon(spec.strategy),
        history,
        figures=spec.baseline.figures,
        reference=_reference(spec),
        windows_per_minute=settings.windows_per_minute,
    )
    interval, first = settings.scrape_interval, floor(since.timestamp() / settings.scrape_interval)
    last = floor(until.timestamp() / interval) - 1
    window, judged = first, tuple[GateStatus, ...]()
    while window < last:
        reach = min(last, window + _AT_ONCE)
        measured = await source.measure(spec.measured_gates, arms, after=window, now=_just_after(reach, settings))
        if failure := next((m for m in measured.values() if isinstance(m, SourceDown)), None):
            raise OfflineError(failure.message)
        through = min((m.through for m in measured.values() if not isinstance(m, SourceDown | BadQuery)), default=reach)
        if through <= window:
            raise OfflineError(f"Prometheus holds nothing after {datetime.fromtimestamp(window * interval, UTC)}")
        for index in range(window + 1, through + 1):
            assessment = _judge(gates, judged, _slice(measured, index), index, first + FIRST_SCRAPES, interval)
            judged = assessment.gates
            yield Judged(index, assessment)
        window = through


def arms_of(
    spec: ModelRolloutSpec, namespace: str, champion_pods: str, challenger_pods: str, champion_version: str = ""
) -> Arms:
    """The arms as the operator asks for them.

    champion_pods: those of a baseline service if the spec has one.
    champion_version: in the tag of the champion's Bento.
    Raises OfflineError if a gate counts by versions and the champion's is not known.
    """
    if spec.baseline.service:
        champion_version = bento_version(spec.baseline.service.bento)
    if not champion_version and any(gate.cohort_label for gate in spec.gates):
        raise OfflineError("a gate with a cohortLabel needs --champion-version too")
    return Arms(
        namespace,
        champion_pods,
        challenger_pods,
        reference=_reference(spec).role,
        alone=frozenset(spec.baseline.figures),
        champion_version=champion_version,
        challenger_version=bento_version(spec.model.bento),
    )


def _reference(spec: ModelRolloutSpec) -> Reference:
    service = spec.baseline.service
    return Reference(BASELINE, service.bento) if service else Reference()


async def past_of_champion(
    source: MetricsSource,
    client: PrometheusClient,
    spec: ModelRolloutSpec,
    arms: Arms,
    since: datetime,
    settings: Settings,
) -> tuple[ChampionHistory, ...]:
    """What the champion did before `since`, measured as before a rollout: its pods against each other.

    Raises OfflineError if Prometheus cannot tell.
    """
    try:
        labels = client.labels(scrape_clock(arms), round(since.timestamp() * 1000))
    except (SourceFailure, QueryRefused) as error:
        raise OfflineError(str(error)) from error
    pods = {entry["pod"] for entry in labels if arms.arm_of(entry["pod"]) is Arm.CHAMPION}
    if not pods:
        return ()
    halves = Arms.of_one_version(arms.namespace, pods, arms.champion_version)
    counted = [gate for gate in spec.gates if gate.proportion]
    window = floor(since.timestamp() / settings.scrape_interval)
    return champion_history(
        await source.measure(counted, halves, after=window - settings.history_windows, now=since.timestamp())
    )


def _judge(
    gates: GateSet,
    earlier: tuple[GateStatus, ...],
    measured: Mapping[str, Measurement],
    index: int,
    data_expected_from: int,
    interval: float,
) -> Assessment:
    windows = [m.windows[0] for m in measured.values() if isinstance(m, Windowed) and m.windows]
    champion, challenger = max((window.requests for window in windows), key=sum, default=(0, 0))
    return assess(
        gates,
        earlier,
        measured,
        through=index,
        data_expected_from=data_expected_from,
        pace=Pace((champion + challenger) / interval, challenger / max(1, champion + challenger)),
    )


def _slice(measured: Mapping[str, Measurement], index: int) -> dict[str, Measurement]:
    """One window of what was measured."""
    return {gate: _at(measurement, index) for gate, measurement in measured.items()}


def _at(measurement: Measurement, index: int) -> Measurement:
    window = selected(measurement, lambda found: found == index)
    return window if isinstance(window, SourceDown | BadQuery) else replace(window, through=index)


def _just_after(index: int, settings: Settings) -> float:
    """A time at which window `index` is the last complete one."""
    return (index + 1) * settings.scrape_interval + settings.scrape_lag + settings.scrape_interval / 2
