"""How fast a bad version lost its traffic, measured against what Prometheus recorded.

The operator decides at the first scrape window whose data prove the failure. Which one that was is found by giving the
recorded data to the operator's own decision code once more.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from math import floor

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Version
from modelrollout.api.versions import pod_pattern
from modelrollout.metrics.client import PrometheusClient
from modelrollout.metrics.prometheus import PrometheusSource
from modelrollout.metrics.scrapes import read_targets
from modelrollout.metrics.selectors import scrape_clock
from modelrollout.metrics.source import Arms
from modelrollout.rollout.gate_tests import gate_set
from modelrollout.rollout.judging import assess
from modelrollout.rollout.settings import Settings
from modelrollout_demo.errors import DemoError

_QUERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Proof:
    """The scrape window that proved a failure.

    window: its index. scraped: when the last of the scrapes that stand for it was finished, in seconds since the epoch.
    failure: what they proved.
    """

    window: int
    scraped: float
    failure: str


def find_proof(
    prometheus_url: str,
    scrape_interval: float,
    spec: ModelRolloutSpec,
    arms: Arms,
    *,
    ramping_since: datetime,
    until: float,
) -> Proof:
    """The proof that a challenger failed, in what Prometheus recorded from `ramping_since` to `until` (unix time).

    Raises DemoError if the recorded data prove nothing.
    """
    settings = Settings(scrape_interval=scrape_interval)
    after = floor(ramping_since.timestamp() / scrape_interval)
    source = PrometheusSource(prometheus_url, settings)
    try:
        measured = asyncio.run(source.measure(spec.gates, arms, after=after, now=until))
    finally:
        source.close()
    tests = gate_set(spec.gates, spec.risk, 1, settings.horizon(spec.strategy))
    found = assess(tests, (), measured, through=after, data_expected_from=after, challenger_rate=0.0, total_rate=0.0)
    if not found.failure:
        raise DemoError(f"what Prometheus recorded proves no failure: {found.summary}")
    return Proof(found.through, _scraped(prometheus_url, scrape_interval, arms, found.through), found.failure)


def arms_of(namespace: str, name: str, champion: Version, challenger: Version) -> Arms:
    """The pods of two versions of a ModelRollout."""
    return Arms(namespace, pod_pattern(name, champion.hash), pod_pattern(name, challenger.hash))


def _scraped(prometheus_url: str, scrape_interval: float, arms: Arms, window: int) -> float:
    """When the last pod's first scrape of a window was finished: only then is the window's evidence whole."""
    interval = round(scrape_interval * 1000)
    start, end = window * interval, (window + 1) * interval
    client = PrometheusClient(prometheus_url, timeout=_QUERY_SECONDS)
    try:
        targets = read_targets(client.raw(scrape_clock(arms), start - interval, end))
    finally:
        client.close()
    finished = ([moment for moment in target.succeeded.values() if start <= moment < end] for target in targets)
    return max(min(moments) for moments in finished if moments) / 1000
