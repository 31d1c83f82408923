"""How fast a bad version lost its traffic, measured against what Prometheus recorded.

The operator decides at the first scrape window whose data prove the failure. Which one that was is found by giving the
recorded data to the operator's own decision code once more.
"""

import asyncio
from dataclasses import dataclass
from math import floor

from modelrollout.api.identity import pod_pattern
from modelrollout.api.rollout import ModelRollout
from modelrollout.metrics.counting.scrapes import read_targets
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.selectors import scrape_clock
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.judging import assess
from modelrollout.rollout.pace import Pace
from modelrollout.rollout.settings import Settings
from modelrollout_testkit.errors import TestkitError

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


def find_proof(prometheus_url: str, scrape_interval: float, ramp: ModelRollout, until: float) -> Proof:
    """The proof that a challenger failed, in what Prometheus recorded from its first weight to `until` (unix time).

    ramp: the ModelRollout when the challenger had weight last. Raises TestkitError if the recorded data prove nothing.
    """
    status, spec = ramp.status, ramp.spec
    if not (
        status.champion and status.challenger and status.evidence and status.rollout and status.rollout.ramping_since
    ):
        raise TestkitError("the challenger never had weight")
    settings = Settings(scrape_interval=scrape_interval)
    after = floor(status.rollout.ramping_since.timestamp() / scrape_interval)
    name = ramp.metadata.name
    arms = Arms(
        ramp.metadata.namespace, pod_pattern(name, status.champion.hash), pod_pattern(name, status.challenger.hash)
    )
    source = PrometheusSource(PrometheusClient(prometheus_url, timeout=_QUERY_SECONDS), settings)
    try:
        measured = asyncio.run(source.measure(spec.gates, arms, after=after, now=until))
    finally:
        source.close()
    tests = gate_set(
        spec.gates,
        spec.risk,
        status.rollout.attempt,
        settings.horizon(spec.strategy),
        status.evidence.history,
        figures=spec.baseline.figures,
    )
    found = assess(tests, (), measured, through=after, data_expected_from=after, pace=Pace())
    if not found.failure:
        raise TestkitError(f"what Prometheus recorded proves no failure: {found.summary}")
    return Proof(found.through, _scraped(prometheus_url, scrape_interval, arms, found.through), found.failure)


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
