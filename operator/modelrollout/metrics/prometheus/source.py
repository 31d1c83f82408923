"""Prometheus as a source of metrics."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from requests.auth import AuthBase

from modelrollout.api.gates import Gate
from modelrollout.metrics.gates import longest_warm_up, measure
from modelrollout.metrics.prometheus.client import PrometheusClient, SourceFailure
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import next_span
from modelrollout.rollout.measurements import Measurement, SourceDown
from modelrollout.rollout.settings import Settings


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
            reader = Reader(self._client, arms, span, recorded - time.time(), longest_warm_up(gates))
            # What counts by a label may be in the pods of a third version, which nothing else may wait for.
            wide = reader.of(arms.with_other_pods) if arms.other_pods else reader
            return {gate.name: measure(wide if gate.cohort_label else reader, gate) for gate in gates}
        except SourceFailure as failure:
            return _all_down(gates, str(failure))


def _all_down(gates: Sequence[Gate], message: str) -> Mapping[str, Measurement]:
    return {gate.name: SourceDown(message) for gate in gates}
