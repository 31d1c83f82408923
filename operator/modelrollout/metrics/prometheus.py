"""Prometheus as a source of metrics."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from math import isfinite, isinf
from typing import Any

from requests.auth import AuthBase

from modelrollout.api.drift import DriftGate
from modelrollout.api.gates import ErrorRateGate, Gate, LatencyGate, QueryGate, ShareGate
from modelrollout.api.mean import MeanGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.absence import (
    explain_uncountable,
    explain_unexposed,
    explain_unscraped,
    explain_warm_up,
)
from modelrollout.metrics.client import PrometheusClient, QueryRefused, SourceFailure
from modelrollout.metrics.cohorts import by_version, of_version, of_versions, split_by_version
from modelrollout.metrics.groups import by_value
from modelrollout.metrics.histograms import (
    bucket_names,
    choose_boundary,
    find_cut,
    read_histograms,
    sort_at_boundaries,
    split_at_boundary,
)
from modelrollout.metrics.kinds import COUNT, PART, SUM, TOTAL, CountArm, distributions, means, proportions
from modelrollout.metrics.scrapes import Groups, Scrape, Target, bare_scrapes, read_scrapes, read_targets
from modelrollout.metrics.selectors import (
    DURATIONS,
    REQUESTS,
    counter,
    duration_buckets,
    exposing_pods,
    failed_requests,
    family_of,
    fill_in,
    native_durations,
    requests,
    scrape_clock,
)
from modelrollout.metrics.series import Recorded, Series, Unreadable, Value
from modelrollout.metrics.source import Arm, Arms
from modelrollout.metrics.warm_up import warm_changes, with_age
from modelrollout.metrics.windows import (
    Increases,
    Span,
    changes,
    clock_since,
    counters_since,
    increases,
    missing_arm,
    next_span,
)
from modelrollout.rollout.measurements import (
    BadQuery,
    Bucketed,
    BucketWindow,
    Counted,
    Evaluated,
    Measurement,
    NoData,
    Point,
    SourceDown,
    Summed,
)
from modelrollout.rollout.settings import Settings

_SKEW_WORTH_A_NOTE = 2.0
_NO_SUMS: Groups = {}


class PrometheusSource:
    """A MetricsSource over the HTTP API of Prometheus.

    It reads the samples as they were recorded, and leaves nothing to functions that extrapolate. It keeps no state.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        timeout: float = 10.0,
        verify: bool | str = True,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
        workers: int = 8,
    ) -> None:
        """timeout: seconds that one query may take; a measurement of several gives up after three times that.

        workers: how many measurements may run at the same time; others wait. The rest: see PrometheusClient.
        """
        self._client = PrometheusClient(url, timeout=timeout, verify=verify, auth=auth, headers=headers)
        self._settings = settings
        self._patience = 3 * timeout
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="prometheus")

    def close(self) -> None:
        """Let the connections go; measurements under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        """See MetricsSource."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                return await loop.run_in_executor(self._pool, self._measure, gates, arms, after, now)
        except TimeoutError:
            return _all_down(gates, f"Prometheus did not answer all queries within {self._patience:g} s")

    def _measure(self, gates: Sequence[Gate], arms: Arms, after: int | None, now: float) -> Mapping[str, Measurement]:
        try:
            recorded = self._client.time()
            # Samples are recorded by Prometheus' clock. Where that is behind, a window that is over here is not there.
            span = next_span(min(now, recorded), after, self._settings)
            longest = max((_warm_up(gate.latency) for gate in gates if gate.latency), default=0)
            reader = _Reader(self._client, arms, span, skew=recorded - time.time(), warm_up=longest)
            # What counts by a label may be in the pods of a third version, which nothing else may wait for.
            wide = reader.of(arms.with_other_pods) if arms.other_pods else reader
            return {gate.name: (wide if _cohort_label(gate) else reader).measure(gate) for gate in gates}
        except SourceFailure as failure:
            return _all_down(gates, str(failure))


class _Reader:
    """Reads what one call of `measure` needs. No series is read twice, whatever the number of gates.

    warm_up: the longest of all gates, in ms.
    """

    def __init__(self, client: PrometheusClient, arms: Arms, span: Span, skew: float, warm_up: int) -> None:
        self._client = client
        self._arms = arms
        self._span = span
        self._skew = skew
        self._warm_up = warm_up
        self._since = cache(self._counters_since)
        self._read = cache(partial(self._read_recorded, client.raw))
        self._read_native = cache(partial(self._read_recorded, client.raw_histograms))

    def of(self, arms: Arms) -> "_Reader":
        """A reader of other arms."""
        return _Reader(self._client, arms, self._span, self._skew, self._warm_up)

    def measure(self, gate: Gate) -> Measurement:
        """One gate. Raises SourceFailure."""
        try:
            match gate:
                case Gate(error_rate=ErrorRateGate() as kind):
                    return self._errors(kind, self._needed(gate))
                case Gate(latency=LatencyGate() as kind):
                    return self._slow(kind, self._needed(gate))
                case Gate(share=ShareGate() as kind):
                    return self._share(kind, self._needed(gate))
                case Gate(mean=MeanGate() as kind):
                    return self._summed(kind)
                case Gate(drift=DriftGate() as kind):
                    return self._bucketed(kind)
                case Gate(query=QueryGate() as kind):
                    return self._evaluated(kind)
                case _:
                    raise AssertionError(f"gate {gate.name} has no kind")
        except QueryRefused as refusal:
            return BadQuery(str(refusal))
        except Unreadable as reason:
            return NoData(str(reason), self._span.through)

    def _needed(self, gate: Gate) -> Sequence[Arm]:
        return [Arm.CHALLENGER] if gate.name in self._arms.alone else self._arms.present

    def _errors(self, gate: ErrorRateGate, needed: Sequence[Arm]) -> Measurement:
        total = self._read(requests(self._arms, gate.endpoints))
        failed = self._read(failed_requests(self._arms, gate.codes, gate.endpoints))
        return self._counted(self._increases(REQUESTS, needed, total, {TOTAL: total, PART: failed}), ArmCounts)

    def _slow(self, gate: LatencyGate, needed: Sequence[Arm]) -> Measurement:
        arms, span, threshold, warm_up = self._arms, self._span, gate.threshold.seconds, _warm_up(gate)
        classic = self._read(duration_buckets(arms, gate.endpoints), self._warm_up)
        native = self._read_native(native_durations(arms, gate.endpoints), self._warm_up)
        scrapes = with_age(read_histograms(self._targets, classic, native, self._since(self._warm_up)), span.interval)
        warm = warm_changes(changes(scrapes, arms, span), warm_up, needed)
        windows = tuple(split_at_boundary(warm, threshold))
        recent = [scrape for scrape in scrapes if scrape.finished >= span.start_of(span.recent)]
        boundary = choose_boundary(threshold, [scrape.reading.histograms for scrape in recent])
        if isinf(boundary.seconds) and not windows:
            raise Unreadable(boundary.note)
        self._require_data(DURATIONS, needed, [*classic, *native], scrapes, windows)
        warm_arms = {arms.arm_of(scrape.pod) for scrape in recent if scrape.reading.is_warm(warm_up)}
        cold = [explain_warm_up(arm, arms, gate.warm_up.seconds) for arm in needed if arm not in warm_arms]
        return self._counted(windows, ArmCounts, boundary.note, *cold)

    def _share(self, gate: ShareGate, needed: Sequence[Arm]) -> Measurement:
        total, part = self._total_and_part(gate)
        groups = {TOTAL: total, PART: part}
        if gate.cohort_label is not None:
            required = {TOTAL: gate.total} | ({PART: gate.good} if gate.good else {})
            windows, note = self._increases_of_cohorts(gate.cohort_label, needed, required, groups)
            return self._counted(
                windows, _count_of(gate), note or _uncounted(gate, of_versions(part, gate.cohort_label, self._arms))
            )
        if gate.good is not None:
            # Where it is missing everything would be bad.
            self._require_family(family_of(gate.good), needed, part)
        windows = self._increases(family_of(gate.total), needed, total, groups)
        return self._counted(windows, _count_of(gate), _uncounted(gate, part))

    def _total_and_part(self, gate: ShareGate) -> tuple[list[Series], list[Series]]:
        part = gate.bad or gate.good
        assert part is not None
        return self._read(counter(self._arms, gate.total)), self._read(counter(self._arms, part))

    def _summed(self, gate: MeanGate) -> Measurement:
        total, number = self._read(counter(self._arms, gate.sum)), self._read(counter(self._arms, gate.count))
        counts, sums, note = {COUNT: number}, {SUM: total}, ""
        if gate.cohort_label is not None:
            required = {COUNT: gate.count, SUM: gate.sum}
            windows, note = self._increases_of_cohorts(gate.cohort_label, list(Arm), required, counts, sums)
        else:
            windows = self._increases(family_of(gate.count), list(Arm), number, counts, sums)
            # Where it is missing every value would be 0.
            self._require_family(family_of(gate.sum), list(Arm), total)
        return Summed(means(windows), self._span.through, self._with_notes(note))

    def _bucketed(self, gate: DriftGate) -> Measurement:
        windows = self._by_boundary(gate.histogram, gate.boundaries or ()) if gate.histogram else self._by_value(gate)
        return Bucketed(windows, self._span.through, self._with_notes())

    def _by_value(self, gate: DriftGate) -> tuple[BucketWindow, ...]:
        assert gate.counter is not None
        series = self._read(counter(self._arms, gate.counter))
        groups = by_value(series, gate.label or "", gate.values or ())
        return distributions(self._increases(family_of(gate.counter), list(Arm), series, groups), list(groups))

    def _by_boundary(self, family: str, boundaries: Sequence[float]) -> tuple[BucketWindow, ...]:
        classic = self._read(counter(self._arms, f"{family}_bucket"))
        native = self._read_native(counter(self._arms, family))
        scrapes = read_histograms(self._targets, classic, native, self._since(0))
        recent = [scrape.reading for scrape in scrapes if scrape.finished >= self._span.start_of(self._span.recent)]
        if cut := find_cut(boundaries, recent):
            raise Unreadable(cut)
        windows = tuple(sort_at_boundaries(changes(scrapes, self._arms, self._span), boundaries))
        self._require_data(family, list(Arm), [*classic, *native], scrapes, windows)
        return distributions(windows, bucket_names(boundaries))

    def _counted(self, windows: Iterable[Increases], count_arm: CountArm, *notes: str) -> Measurement:
        return Counted(proportions(windows, count_arm), self._span.through, self._with_notes(*notes))

    def _increases(
        self, family: str, needed: Sequence[Arm], whole: Sequence[Series], counts: Groups, sums: Groups = _NO_SUMS
    ) -> tuple[Increases, ...]:
        """What the pods counted and summed up, by window.

        family: name of the metric that an arm must have something of, and whole: what was read of it.
        Raises Unreadable, with the reason, if there is nothing to count.
        """
        scrapes = read_scrapes(self._targets, counts, sums, self._since(0))
        windows = increases(scrapes, self._arms, self._span)
        self._require_data(family, needed, whole, scrapes, windows)
        return windows

    def _increases_of_cohorts(
        self, label: str, needed: Sequence[Arm], required: Mapping[str, str], counts: Groups, sums: Groups = _NO_SUMS
    ) -> tuple[Iterable[Increases], str]:
        """As `_increases`, by the versions that a label names, and a note on those that it does not name.

        required: selectors of the groups that must not be missing, that of the whole before others.
        """
        arms = self._arms
        named = {name: of_versions(series, label, arms) for name, series in {**counts, **sums}.items()}
        for name, selector in required.items():
            # Any pod may have been told what is known of both versions, but nothing tells that nothing is known.
            if not named[name] and not self._exposing(family_of(selector)):
                raise Unreadable(explain_unexposed(needed[-1], arms, family_of(selector)))
        groups: list[Groups] = [{name: named[name] for name in of_kind} for of_kind in (counts, sums)]
        if not arms.one_version:
            groups = [split_by_version(of_kind, label, arms) for of_kind in groups]
        (whole, selector), *_ = required.items()
        grown = self._increases(family_of(selector), (), named[whole], *groups)
        unnamed = [arms.version(arm) for arm in needed if not of_version(named[whole], label, arms.version(arm))]
        note = "; ".join(f'no pod has counted any {selector} with {label}="{version}"' for version in unnamed)
        return grown if arms.one_version else by_version(grown), note

    def _require_data(
        self,
        family: str,
        needed: Sequence[Arm],
        whole: Sequence[Recorded[Any]],
        scrapes: Sequence[Scrape[Any]],
        windows: Sequence[Increases],
    ) -> None:
        """Raises Unreadable, with the reason, if there is nothing to count; see `_increases`."""
        arms, span = self._arms, self._span
        if not windows:
            if arm := missing_arm(bare_scrapes(self._targets), arms, span):
                raise Unreadable(explain_unscraped(arm, arms, self._targets, span.start_of(span.recent)))
            if arm := missing_arm(scrapes, arms, span):
                raise Unreadable(explain_uncountable(arm, arms, family))
        self._require_family(family, needed, whole)

    def _evaluated(self, gate: QueryGate) -> Measurement:
        span, arms = self._span, self._arms
        # At least the last window is evaluated, so that a query that is refused is refused at every look.
        first = min(span.after + 1, span.through)
        values = {}
        for arm in Arm:
            expression = fill_in(gate.expression, arms.namespace, arms.pods(arm))
            series = self._client.evaluate(expression, span.start_of(first + 1), span.end, span.interval)
            values[arm] = _single_values(series)
        points = [
            Point(index, *(values[arm].get(span.start_of(index + 1)) for arm in Arm))
            for index in range(span.after + 1, span.through + 1)
        ]
        return Evaluated(tuple(points), span.through)

    @cached_property
    def _targets(self) -> Sequence[Target]:
        try:
            clock = self._client.raw(scrape_clock(self._arms), clock_since(self._span, self._warm_up), self._span.end)
        except QueryRefused as refusal:
            raise SourceFailure(f"Prometheus refuses to tell when pods were scraped: {refusal}") from refusal
        return read_targets(clock)

    def _counters_since(self, warm_up: int) -> int:
        return counters_since(bare_scrapes(self._targets), self._arms, self._span, warm_up)

    def _read_recorded(
        self, read: Callable[[str, int, int], list[Recorded[Value]]], selectors: tuple[str, ...], warm_up: int = 0
    ) -> list[Recorded[Value]]:
        # When a scrape is known its counters are too, but not the other way round: so the clock is read first.
        since = self._since(warm_up)
        return [series for selector in selectors for series in read(selector, since, self._span.end)]

    def _require_family(self, family: str, needed: Sequence[Arm], counted: Sequence[Recorded[Any]]) -> None:
        """Raises Unreadable if an arm needed has none of the series counted and nothing else of their metric either."""
        counting = {self._arms.arm_of(series.labels.get("pod", "")) for series in counted}
        silent = [arm for arm in needed if arm not in counting]
        if not silent:
            return
        exposing = self._exposing(family)
        for arm in silent:
            if arm not in exposing:
                raise Unreadable(explain_unexposed(arm, self._arms, family))

    def _exposing(self, family: str) -> set[Arm | None]:
        """The arms that expose anything of a metric family, None for neither."""
        span = self._span
        expression = exposing_pods(self._arms, family, within=span.end - span.start_of(span.recent - 1))
        return {self._arms.arm_of(entry.get("pod", "")) for entry in self._client.labels(expression, span.end)}

    def _with_notes(self, *own: str) -> str:
        notes = [note for note in own if note]
        if self._span.skipped:
            hours = self._span.skipped * self._span.interval / 3_600_000
            notes.append(f"{hours:.1f} h of evidence are given up: the gap was too long to catch up with")
        if abs(self._skew) > _SKEW_WORTH_A_NOTE:
            direction = "ahead of" if self._skew > 0 else "behind"
            notes.append(f"Prometheus' clock is {abs(self._skew):.0f} s {direction} this one")
        return "; ".join(notes)


def _count_of(gate: ShareGate) -> CountArm:
    return ArmCounts if gate.good is None else lambda all_, good: ArmCounts(all_, all_ - good)


def _uncounted(gate: ShareGate, part: Sequence[Series]) -> str:
    return "" if part or gate.bad is None else f"no pod has counted any {gate.bad}"


def _cohort_label(gate: Gate) -> str | None:
    return gate.share.cohort_label if gate.share else None


def _warm_up(gate: LatencyGate) -> int:
    return round(gate.warm_up.seconds * 1000)


def _single_values(series: Sequence[Series]) -> dict[int, float]:
    """The finite values by time. Raises QueryRefused where there are several at once."""
    values: dict[int, float] = {}
    for one in series:
        for moment, value in one.samples.items():
            if moment in values:
                raise QueryRefused(
                    f"the expression gives {len(series)} series where one value is needed: aggregate them, for example "
                    "with sum()"
                )
            values[moment] = value
    return {moment: value for moment, value in values.items() if isfinite(value)}


def _all_down(gates: Sequence[Gate], message: str) -> Mapping[str, Measurement]:
    return {gate.name: SourceDown(message) for gate in gates}
