"""What Prometheus recorded of one span of scrape windows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import Any

from modelrollout.metrics.counting.absence import (
    explain_doubted,
    explain_partly_scraped,
    explain_uncountable,
    explain_unexposed,
    explain_unscraped,
)
from modelrollout.metrics.counting.cohorts import by_version, of_version, of_versions, split_by_version
from modelrollout.metrics.counting.histograms import Histograms, read_histograms
from modelrollout.metrics.counting.increases import Increases, changes, increases, levels, missing_arm, recent
from modelrollout.metrics.counting.reach import clock_since, counters_since, has_every_base, recent_clock_since
from modelrollout.metrics.counting.scrapes import Groups, Scrape, Target, bare_scrapes, read_scrapes, read_targets
from modelrollout.metrics.counting.series import Recorded, Series, Unreadable, Value
from modelrollout.metrics.counting.warm_up import warm_changes, with_age
from modelrollout.metrics.prometheus.client import (
    AnswerTooLarge,
    PrometheusClient,
    QueryRefused,
    SourceFailure,
    SourceTooSlow,
    TooManySeries,
)
from modelrollout.metrics.prometheus.confinement import NotConfined, confined
from modelrollout.metrics.prometheus.memory import Recalled
from modelrollout.metrics.prometheus.patience import Patience
from modelrollout.metrics.prometheus.selectors import exposing_pods, family_of, scrape_clock
from modelrollout.metrics.source import Arm, Arms
from modelrollout.metrics.windows import Span

_SKEW_WORTH_A_NOTE = 2.0
_NO_SUMS: Groups = {}

# A query of the user's must give one series. A few more are read to say how many there are.
_SERIES_OF_A_QUERY = 10


class Reader:
    """Reads what one call of `measure` needs. No series is read twice, whatever the number of gates.

    Its methods raise SourceFailure and QueryRefused, and Unreadable, with the reason, if there is nothing to count.
    """

    def __init__(
        self, client: PrometheusClient, arms: Arms, span: Span, warm_up: int, patience: Patience, memory: Recalled
    ) -> None:
        """warm_up: how long before a pod is counted its histograms must be known, in ms, by the most patient gate.

        patience: with queries of the user's own. memory: what is known of the pods' counters up to the span.
        """
        self.arms = arms
        self.span = span
        self.was_too_large = False
        self._was_too_slow = False
        self._client = client
        self._warm_up = warm_up
        self._patience = patience
        self._memory = memory
        self._gate = ""
        self._since = cache(self._counters_since)
        self._raw = cache(partial(self._read_all, client.raw))
        self._raw_histograms = cache(partial(self._read_all, client.raw_histograms))

    def of(self, arms: Arms) -> "Reader":
        """A reader of other arms."""
        reader = Reader(self._client, arms, self.span, self._warm_up, self._patience, self._memory)
        reader.begin(self._gate)
        return reader

    def begin(self, gate: str) -> None:
        """Read for a gate from now on, by its name."""
        self._gate = gate

    def read(self, selectors: tuple[str, ...], *, as_pods_warm_up: bool = False) -> list[Series]:
        """The samples that are needed to count the span, on demand from as long before it as pods warm up."""
        return self._raw(selectors, self._warm_up if as_pods_warm_up else 0)

    def histograms(
        self, classic: tuple[str, ...], native: tuple[str, ...]
    ) -> tuple[list[Recorded[Any]], list[Scrape[Histograms]]]:
        """The series of histograms, and the scrapes that read them, from as long before the span as pods warm up."""
        buckets = self._raw(classic, self._warm_up)
        pods = {target.pod for target in self._targets if target.succeeded}
        # Native histograms count where there are no classic ones.
        some_lack_them = not pods <= {series.labels.get("pod", "") for series in buckets}
        natives = self._raw_histograms(native, self._warm_up) if some_lack_them else []
        return [*buckets, *natives], read_histograms(self._targets, buckets, natives, self._since(self._warm_up))

    def evaluate(self, expression: str, first: int) -> list[Series]:
        """The values of an expression of the user's at the ends of the windows from `first` on.

        Raises Unreadable too if it was too slow: that is no reason to doubt the source.
        """
        query = f"{self.arms.namespace} {expression}"
        if pause := self._patience.seconds_left(query):
            raise Unreadable(f"the query was too slow and is asked again in {pause:.0f} s")
        if self._was_too_slow:
            raise Unreadable("the query is asked at another look, since one before it was too slow")
        try:
            series = self._client.evaluate(
                confined(expression, self.arms.namespace),
                self.span.start_of(first + 1),
                self.span.end,
                self.span.interval,
                _SERIES_OF_A_QUERY,
            )
        except SourceTooSlow as failure:
            self._was_too_slow = True
            pause = self._patience.asked_for_too_much(query)
            raise Unreadable(f"the query is too slow: {failure}; it is asked again in {pause:.0f} s") from failure
        except NotConfined as reason:
            raise QueryRefused(str(reason)) from None
        except AnswerTooLarge:
            raise QueryRefused(
                f"the expression gives more than {_SERIES_OF_A_QUERY} series where one value is needed: "
                "aggregate them, for example with sum()"
            ) from None
        self._patience.answered(query)
        return series

    def trusted(self, windows: Iterable[Increases], all_: Iterable[Increases] | None = None) -> tuple[Increases, ...]:
        """The windows of the span without the pods whose counters contradict each other; see `Followed.trusted`."""
        return tuple(self._memory.followed(self._gate).trusted(windows, self.span, all_))

    @property
    def incomplete(self) -> str:
        """Why a part of the pods is in none of the last windows, for a person; empty if all are."""
        doubted = self._memory.followed(self._gate).doubted(self.span.through)
        reasons = (
            explain_partly_scraped(self.arms, self._targets, self.span.start_of(self.span.recent)),
            explain_doubted(doubted, self.arms),
        )
        return "; ".join(filter(None, reasons))

    def require_family(self, family: str, needed: Sequence[Arm], counted: Sequence[Recorded[Any]]) -> None:
        """Raises Unreadable if an arm needed has none of the series counted and nothing else of their metric either."""
        counting = {self.arms.arm_of(series.labels.get("pod", "")) for series in counted}
        silent = [arm for arm in needed if arm not in counting]
        if not silent:
            return
        exposing = self._exposing(family)
        for arm in silent:
            if arm not in exposing:
                raise Unreadable(explain_unexposed(arm, self.arms, family))

    def with_notes(self, *own: str) -> str:
        """Notes on a measurement, with those on all of them."""
        notes = [note for note in own if note]
        if self.span.skipped:
            hours = self.span.skipped * self.span.interval / 3_600_000
            notes.append(f"{hours:.1f} h of evidence are given up: the gap was too long to catch up with")
        skew = self._client.skew
        if abs(skew) > _SKEW_WORTH_A_NOTE:
            notes.append(f"Prometheus' clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this one")
        return "; ".join(notes)

    def increases(
        self, family: str, needed: Sequence[Arm], whole: Sequence[Series], counts: Groups, sums: Groups = _NO_SUMS
    ) -> tuple[Increases, ...]:
        """What the pods counted and summed up, by window.

        family: name of the metric that an arm must have something of, and whole: what was read of it.
        Raises Unreadable, with the reason, if there is nothing to count.
        """
        scrapes = read_scrapes(self._targets, counts, sums, self._since(0))
        windows = self.trusted(increases(scrapes, self.arms, self.span))
        self.require_data(family, needed, whole, scrapes, windows)
        return windows

    def warm_increases(
        self, family: str, needed: Sequence[Arm], whole: Sequence[Series], counts: Groups, warm_up: int
    ) -> tuple[tuple[Increases, ...], Sequence[Arm]]:
        """As `increases`, of the pods that are warm, and the arms needed that have none.

        warm_up: in ms; `whole` was read as pods warm up if there is one.
        """
        if not warm_up:
            return self.increases(family, needed, whole, counts), ()
        arms, span = self.arms, self.span
        scrapes = with_age(
            read_scrapes(self._targets, counts, _NO_SUMS, self._since(self._warm_up)), span.interval, levels
        )
        changed = tuple(changes(scrapes, arms, span))
        warm, all_ = (
            [window.increases(lambda counters: counters) for window in warm_changes(changed, age, needed)]
            for age in (warm_up, 0)
        )
        windows = self.trusted(warm, all_)
        self.require_data(family, needed, whole, scrapes, windows)
        warm_arms = {arms.arm_of(scrape.pod) for scrape in recent(scrapes, span) if scrape.reading.is_warm(warm_up)}
        return windows, [arm for arm in needed if arm not in warm_arms]

    def increases_of_cohorts(
        self, label: str, needed: Sequence[Arm], required: Mapping[str, str], counts: Groups, sums: Groups = _NO_SUMS
    ) -> tuple[Iterable[Increases], str]:
        """As `increases`, by the versions that a label names, and a note on those that it does not name.

        required: selectors of the groups that must not be missing, that of the whole before others.
        """
        arms = self.arms
        named = {name: of_versions(series, label, arms) for name, series in {**counts, **sums}.items()}
        for name, selector in required.items():
            # Any pod may have been told what is known of both versions, but nothing tells that nothing is known.
            if not named[name] and not self._exposing(family_of(selector)):
                raise Unreadable(explain_unexposed(needed[-1], arms, family_of(selector)))
        groups: list[Groups] = [{name: named[name] for name in of_kind} for of_kind in (counts, sums)]
        if not arms.one_version:
            groups = [split_by_version(of_kind, label, arms) for of_kind in groups]
        (whole, selector), *_ = required.items()
        grown = self.increases(family_of(selector), (), named[whole], *groups)
        unnamed = [arms.version(arm) for arm in needed if not of_version(named[whole], label, arms.version(arm))]
        note = "; ".join(f'no pod has counted any {selector} with {label}="{version}"' for version in unnamed)
        return grown if arms.one_version else by_version(grown), note

    def require_data(
        self,
        family: str,
        needed: Sequence[Arm],
        whole: Sequence[Recorded[Any]],
        scrapes: Sequence[Scrape[Any]],
        windows: Sequence[Increases],
    ) -> None:
        """Raises Unreadable, with the reason, if there is nothing to count; see `increases`."""
        arms, span = self.arms, self.span
        if not windows:
            if arm := missing_arm(bare_scrapes(self._targets), arms, span):
                raise Unreadable(explain_unscraped(arm, arms, self._targets, span.start_of(span.recent)))
            if arm := missing_arm(scrapes, arms, span):
                raise Unreadable(explain_uncountable(arm, arms, family))
        self.require_family(family, needed, whole)

    def _exposing(self, family: str) -> set[Arm | None]:
        """The arms that expose anything of a metric family, None for neither."""
        span = self.span
        expression = exposing_pods(self.arms, family, within=span.end - span.start_of(span.recent - 1))
        return {self.arms.arm_of(entry.get("pod", "")) for entry in self._client.labels(expression, span.end)}

    @cached_property
    def _targets(self) -> Sequence[Target]:
        if self._memory.depth == 0 and not self._warm_up:
            recent = read_targets(self._clock(recent_clock_since(self.span)))
            scrapes = bare_scrapes(recent)
            # With less than everything it could not be told whether a pod is new, or why there is none.
            if has_every_base(scrapes, self.arms, self.span) and not missing_arm(scrapes, self.arms, self.span):
                return recent
        return read_targets(self._clock(clock_since(self.span, self._warm_up, self._memory.depth)))

    def _clock(self, since: int) -> list[Series]:
        try:
            return self._read(self._client.raw, scrape_clock(self.arms), since)
        except QueryRefused as refusal:
            raise SourceFailure(f"Prometheus refuses to tell when pods were scraped: {refusal}") from refusal

    def _counters_since(self, warm_up: int) -> int:
        return counters_since(bare_scrapes(self._targets), self.arms, self.span, warm_up, self._memory.depth)

    def _read_all(
        self, read: Callable[[str, int, int], list[Recorded[Value]]], selectors: tuple[str, ...], warm_up: int
    ) -> list[Recorded[Value]]:
        # When a scrape is known its counters are too, but not the other way round: so the clock is read first.
        since = self._since(warm_up)
        return [series for selector in selectors for series in self._read(read, selector, since)]

    def _read(
        self, read: Callable[[str, int, int], list[Recorded[Value]]], selector: str, since: int
    ) -> list[Recorded[Value]]:
        key = f"{self.arms.namespace} {selector}"
        if pause := self._patience.seconds_left(key):
            raise Unreadable(f"{family_of(selector)} has too many series and is read again in {pause:.0f} s")
        try:
            series = read(selector, since, self.span.end)
        except TooManySeries:
            self._patience.asked_for_too_much(key)
            raise
        except AnswerTooLarge:
            self.was_too_large = True
            raise
        self._patience.answered(key)
        return series
