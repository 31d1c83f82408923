"""A Prometheus that scraped pods and knows one metric of theirs, and what a gate makes of it."""

from collections.abc import Mapping
from typing import Any

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.gates import measure
from modelrollout.metrics.prometheus.memory import Recalled
from modelrollout.metrics.prometheus.patience import Patience
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Counted, Measurement

ARMS = Arms(
    "ml",
    "digits-1-[a-z0-9]+",
    "digits-2-[a-z0-9]+",
    champion_service="digits-1",
    challenger_service="digits-2",
    champion_version="v1",
    challenger_version="v2",
    rollout="digits",
)
T, SCRAPES = 15_000, 4


class Recorded:
    """A Prometheus that scraped pods of a namespace and knows one counter of theirs. asked: its selectors."""

    skew = 0.0
    raw_histograms = None

    def __init__(self, namespace: str, name: str, counters: Mapping[str, list[tuple[dict[str, str], list[float]]]]):
        self.asked: list[str] = []
        self._namespace, self._name, self._counters = namespace, name, counters

    def raw(self, selector: str, _start: int, _end: int) -> list[Series]:
        self.asked.append(selector)
        if "up|scrape_duration_seconds" in selector:
            times = {index * T: 1.0 for index in range(SCRAPES)}
            return [Series({"__name__": "up", **self._labels(pod)}, times) for pod in self._counters]
        return [
            Series({"__name__": self._name, **self._labels(pod), **labels}, {i * T: v for i, v in enumerate(values)})
            for pod, counters in self._counters.items()
            for labels, values in counters
        ]

    def labels(self, _expression: str, _at: int) -> list[Mapping[str, str]]:
        return [self._labels(pod) for pod in self._counters]

    def _labels(self, pod: str) -> dict[str, str]:
        return {"namespace": self._namespace, "pod": pod}


def measured(client: Any, kind: Mapping[str, object], arms: Arms = ARMS, member: str = "errorRate") -> Measurement:
    reader = Reader(client, arms, Span(T, 0, SCRAPES - 1), 0, Patience(), Recalled())
    reader.begin("errors")
    return measure(reader, Gate.model_validate({"name": "errors", member: kind}))


def totals(found: Measurement) -> Block:
    assert isinstance(found, Counted), found
    champion, challenger = ArmCounts(), ArmCounts()
    for window in found.windows:
        champion, challenger = champion + window.block.champion, challenger + window.block.challenger
    return Block(champion, challenger)
