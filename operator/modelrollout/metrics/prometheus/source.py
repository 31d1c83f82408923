"""Prometheus as a source of metrics."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from modelrollout.api.gates import Gate
from modelrollout.api.gates.query import QueryGate
from modelrollout.metrics.gates import longest_warm_up, measure
from modelrollout.metrics.prometheus.budget import Budget, LargeAnswers, within
from modelrollout.metrics.prometheus.client import PrometheusClient, SourceFailure
from modelrollout.metrics.prometheus.memory import Memory
from modelrollout.metrics.prometheus.patience import Patience
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.turns import Turns
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import Span, next_span
from modelrollout.rollout.measurements import Measurement, NoData, SourceDown, Windowed
from modelrollout.rollout.settings import Settings

_LOG = logging.getLogger(__name__)

_MOST_BYTES = 16 * 1024 * 1024

# What is left of a span whose answers are too large.
_SHORTENED = 8

# A thread that is woken by the end of its connection needs a moment to say so.
_GRACE_SECONDS = 1.0


class Clients(Protocol):
    """Which client is asked about which namespace."""

    def of(self, namespace: str, /) -> PrometheusClient:
        """May be called from several threads. Raises SourceFailure if it is not known how to ask."""

    def close(self) -> None:
        """Close the connections."""


class PrometheusSource:
    """A MetricsSource over the HTTP API of Prometheus.

    It reads the samples as they were recorded, and leaves nothing to functions that extrapolate. It keeps no state that
    a measurement depends on. One measurement has a budget of time and of bytes, the measurements of one namespace at
    most half of the workers, and a query of the user's that was too slow is left alone for a while.
    """

    def __init__(self, clients: Clients, settings: Settings, *, seconds: float = 30.0, workers: int = 8) -> None:
        """clients: whom to ask about which namespace; a PrometheusClient is asked about all of them.

        seconds: after which a measurement gives up, which takes several queries. workers: how many measurements may run
        at the same time; others wait.
        """
        self._clients = clients
        self._settings = settings
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="prometheus")
        self._turns = Turns(workers, max(1, workers // 2))
        self._large = LargeAnswers()
        self._patience = Patience()
        self._memory = Memory()

    def close(self) -> None:
        """Let the connections go; measurements under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        """See MetricsSource."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                leave = await self._turns.enter(arms.namespace)
        except TimeoutError:
            return _all_down(gates, f"no measurement of namespace {arms.namespace} has ended for {self._seconds:g} s")
        budget = Budget(self._seconds, _MOST_BYTES, self._large)
        measuring = loop.run_in_executor(self._pool, self._measure, gates, arms, after, now, budget)
        # The place is taken until the thread is free, whatever becomes of whoever waits.
        measuring.add_done_callback(lambda _: leave())
        expiry = loop.call_later(self._seconds, budget.expire)
        try:
            async with asyncio.timeout(self._seconds + _GRACE_SECONDS):
                return await asyncio.shield(measuring)
        except TimeoutError:
            return _all_down(gates, f"Prometheus did not answer all queries within {self._seconds:g} s")
        finally:
            expiry.cancel()
            if not measuring.done():
                budget.expire()

    def _measure(
        self, gates: Sequence[Gate], arms: Arms, after: int | None, now: float, budget: Budget
    ) -> Mapping[str, Measurement]:
        try:
            with within(budget):
                client = self._clients.of(arms.namespace)
                # Samples are recorded by Prometheus' clock. Where that is behind, a window that is over is not there.
                span = self._span(client, after, now)
                measured = self._measure_span(client, gates, arms, span, budget)
                if (seen := self._span(client, after, now)).through < span.through:
                    measured = self._measure_span(client, gates, arms, seen, budget)
                return measured
        except SourceFailure as failure:
            return _all_down(gates, str(failure))

    def _span(self, client: PrometheusClient, after: int | None, now: float) -> Span:
        return next_span(min(now, time.time() + client.skew), after, self._settings)

    def _measure_span(
        self, client: PrometheusClient, gates: Sequence[Gate], arms: Arms, span: Span, budget: Budget
    ) -> Mapping[str, Measurement]:
        while True:
            budget.let_go()
            memory = self._memory.recall(arms, gates, span.after)
            reader = Reader(client, arms, span, longest_warm_up(gates), self._patience, memory)
            # What counts by a label may be in the pods of a third version, which nothing else may wait for.
            wide = reader.of(arms.with_other_pods) if arms.other_pods else reader
            # Queries of the user's own come last: their time must not be at the expense of what is counted.
            ordered = sorted(gates, key=lambda gate: isinstance(gate.kind, QueryGate))
            measured = {gate.name: _measured(wide if gate.cohort_label else reader, gate) for gate in ordered}
            if span.length <= 1 or not (reader.was_too_large or wide.was_too_large):
                self._memory.keep(arms, gates, span.through, memory)
                return measured
            span = span.shortened(max(1, span.length // _SHORTENED))


def _measured(reader: Reader, gate: Gate) -> Measurement:
    try:
        reader.begin(gate.name)
        measured = measure(reader, gate)
        return replace(measured, incomplete=reader.incomplete) if isinstance(measured, Windowed) else measured
    except SourceFailure:
        raise
    except Exception:
        # What one gate stumbles upon is no reason to leave the others unjudged.
        _LOG.exception("gate %s of pods in namespace %s cannot be measured", gate.name, reader.arms.namespace)
        return NoData("an error in the operator, which its log tells more about", reader.span.through)


def _all_down(gates: Sequence[Gate], message: str) -> Mapping[str, Measurement]:
    return {gate.name: SourceDown(message) for gate in gates}
