"""A Prometheus that is up, down, partial, late, or answers what no counter can hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import floor
from random import Random

from modelrollout.api.gates import Gate
from modelrollout.api.identity import workload_name
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import Counted, Measurement, NoData, SourceDown, Window

TICK = 5.0
REQUESTS_PER_SECOND = 40


class Weather(StrEnum):
    """What the source does to those who ask."""

    UP = "up"
    DOWN = "down"
    EMPTY = "empty"
    LATE = "late"
    ABSURD = "absurd"
    RAISING = "raising"


@dataclass
class SimulatedPrometheus:
    """A `MetricsSource` of what the versions answered.

    error_rates: share of bad answers by version hash. counts: by scrape window and version hash.
    """

    rollout: str
    dice: Random
    weather: Weather = Weather.UP
    requests_per_second: int = REQUESTS_PER_SECOND
    error_rates: dict[str, float] = field(default_factory=dict)
    counts: dict[int, dict[str, ArmCounts]] = field(default_factory=dict)

    def scrape(self, now: datetime, routed: Mapping[str, int], serving: Mapping[str, int]) -> None:
        """Count the requests of one interval. Only versions with ready pods (`serving`) answer and are scraped."""
        window = floor(now.timestamp() / TICK) - 1
        self.counts[window] = {}
        for version_hash, ready in serving.items():
            if ready:
                requests = round(self.requests_per_second * TICK * routed.get(version_hash, 0) / 100)
                rate = self.error_rates.get(version_hash, 0.005)
                bad = sum(self.dice.random() < rate for _ in range(requests))
                self.counts[window][version_hash] = ArmCounts(requests, bad)

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        through = floor(now / TICK) - 1
        if self.weather is Weather.RAISING:
            raise ZeroDivisionError("a defect of the metrics source")
        if self.weather is Weather.DOWN:
            return {gate.name: SourceDown("connection refused") for gate in gates}
        if self.weather is Weather.EMPTY:
            return {gate.name: NoData("no scrapes", through) for gate in gates}
        if self.weather is Weather.LATE:
            through -= 3
        return {gate.name: self._counted(arms, through if after is None else after, through) for gate in gates}

    def requests(self, version_hash: str, after: int) -> int:
        """Requests that a version answered in windows later than `after`."""
        return sum(arms[version_hash].total for i, arms in self.counts.items() if i > after and version_hash in arms)

    def _counted(self, arms: Arms, after: int, through: int) -> Counted:
        windows = []
        for index in range(after + 1, through + 1):
            champion, challenger = (
                self._arm(index, pods) for pods in (arms.champion_pods, arms.challenger_pods or "none")
            )
            if champion and (challenger or not arms.challenger_pods):
                windows.append(Window(index, Block(champion, challenger or ArmCounts(0, 0))))
        return Counted(tuple(windows), max(after, through))

    def _arm(self, index: int, pods: str) -> ArmCounts | None:
        for version_hash, counts in self.counts.get(index, {}).items():
            names = (f"{workload_name(self.rollout, version_hash)}-abc-x", pods.partition("|")[0])
            if re.fullmatch(pods, names[0]) or f"-{version_hash}-" in pods:
                if self.weather is Weather.ABSURD:
                    return ArmCounts(10**308, 10**308)
                return counts
        return None
