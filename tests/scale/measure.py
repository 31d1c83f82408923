"""One measurement: bring rollouts up, let them ramp, and see what their looks cost."""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from modelrollout_localcluster import Cluster, tool_path
from modelrollout_localcluster.builds import ADDONS
from modelrollout_localcluster.processes import ProcessRecord
from tests.scale.api import Api
from tests.scale.processes import Usage, free_port, prometheus, running
from tests.scale.rollouts import INTERVAL, MODEL_ROLLOUT, Key, Seen, manifest, names, namespaces, ramps, serves
from tests.scale.simulated import Gateway, Nodes
from tests.scale.traffic import Traffic, serve

_LOOKS = re.compile(r"^modelrollout_reconcile_seconds_count\{.*?\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured with so many ramping rollouts. Shares are by look."""

    rollouts: int
    looks_per_minute: float
    operator_ms: float
    operator_cores: float
    api_server_ms: float
    status_writes: float
    requests: dict[str, float]
    lag_p50: float
    lag_p95: float
    rollback_seconds: float
    resident_mb: float
    stable_requests_per_minute: float


@dataclass(frozen=True, slots=True)
class Setup:
    """tree: a checkout with its virtual environment, whose operator and CRDs are used. seconds: to measure for."""

    tree: Path
    seconds: float
    patience: float = 1500.0
    options: Sequence[str] = ()


async def measure(setup: Setup, count: int) -> Figures:
    """The figures for `count` ramping rollouts, on a control plane of their own."""
    cluster = Cluster(f"scale-{count}")
    cluster.down()
    try:
        await asyncio.to_thread(cluster.up, control_plane_only=True)
        _install(cluster, setup.tree)
        with tempfile.TemporaryDirectory(prefix="scale-") as directory:
            return await _measure(setup, count, cluster, Path(directory))
    finally:
        cluster.down()


def _install(cluster: Cluster, tree: Path) -> None:
    manifests = [*sorted((tree / "crds").glob("*.yaml")), *sorted(ADDONS.manifests.glob("gateway*httproutes.yaml"))]
    kubectl = [tool_path("kubectl"), f"--kubeconfig={cluster.kubeconfig}"]
    for path in manifests:
        subprocess.run([*kubectl, "apply", "--server-side", f"--filename={path}"], check=True, capture_output=True)
    subprocess.run([*kubectl, "wait", "--for=condition=Established", "crd", "--all"], check=True, capture_output=True)


async def _measure(setup: Setup, count: int, cluster: Cluster, directory: Path) -> Figures:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(cluster.kubeconfig))
        traffic, seen = Traffic(), Seen()
        runner, address = await serve(traffic)
        stack.push_async_callback(runner.cleanup)
        url = stack.enter_context(prometheus(directory, address, INTERVAL))
        port = free_port()
        command = [
            setup.tree / ".venv/bin/modelrollout-operator",
            f"--prometheus-url={url}",
            f"--port={port}",
            *setup.options,
        ]
        operator = stack.enter_context(running(command, directory / "operator.log", KUBECONFIG=str(cluster.kubeconfig)))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        run = _Run(setup, api, seen, traffic, operator.pid, _api_server(cluster), session, port)
        try:
            return await _beside(
                run.figures(names(count)),
                seen.run(api),
                Nodes(api, traffic.seen, traffic.gone).run(),
                Gateway(api, traffic.routed).run(),
            )
        except BaseException:
            sys.stdout.write((directory / "operator.log").read_text()[-3000:])
            raise


async def _beside(wanted: Coroutine[Any, Any, Figures], *others: Coroutine[Any, Any, None]) -> Figures:
    """The result of one coroutine, while the others run. Raises what any of them raises."""
    async with asyncio.TaskGroup() as group:
        helpers = [group.create_task(other) for other in others]
        try:
            return await wanted
        finally:
            for helper in helpers:
                helper.cancel()


def _api_server(cluster: Cluster) -> int:
    record = ProcessRecord.read(cluster.kubeconfig.parent / "processes" / "kube-apiserver")
    if record is None:
        raise RuntimeError("the API server does not run")
    return record.pid


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    looks: float
    operator: Usage
    api_server: Usage
    requests: Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class _Run:
    setup: Setup
    api: Api
    seen: Seen
    traffic: Traffic
    operator: int
    api_server: int
    session: aiohttp.ClientSession
    port: int

    async def figures(self, keys: Sequence[Key]) -> Figures:
        for name in namespaces():
            await self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        await self._apply(keys, "v1")
        await self.seen.until(serves, len(keys), "stable", self.setup.patience)
        await asyncio.sleep(10)
        stable = await self._between(30)
        await self._apply(keys, "v2")
        await self.seen.until(ramps, len(keys), "ramping", self.setup.patience)
        await asyncio.sleep(2 * INTERVAL)
        self.seen.clear()
        before = await self._sample()
        await asyncio.sleep(self.setup.seconds)
        after = await self._sample()
        writes, lags = self.seen.writes, sorted(self.seen.lags)
        rollback = await self._rollback(keys[len(keys) // 2])
        looks = max(1.0, after.looks - before.looks)
        minutes = (after.at - before.at) / 60
        operator = after.operator.seconds - before.operator.seconds
        return Figures(
            rollouts=len(keys),
            looks_per_minute=looks / minutes / len(keys),
            operator_ms=1000 * operator / looks,
            operator_cores=operator / (after.at - before.at),
            api_server_ms=1000 * (after.api_server.seconds - before.api_server.seconds) / looks,
            status_writes=writes / looks,
            requests=_per(looks, after.requests - before.requests),
            lag_p50=_quantile(lags, 0.5),
            lag_p95=_quantile(lags, 0.95),
            rollback_seconds=rollback,
            resident_mb=after.operator.resident / 1e6,
            stable_requests_per_minute=sum(_per(1, stable).values()) * 2 / len(keys),
        )

    async def _apply(self, keys: Sequence[Key], version: str) -> None:
        print(f"  {len(keys)} ModelRollouts get version {version}", flush=True)
        await asyncio.gather(*(self.api.apply(MODEL_ROLLOUT.path(*key), manifest(key, version)) for key in keys))

    async def _sample(self) -> _Sample:
        async with self.session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            looks = sum(map(float, _LOOKS.findall(await answer.text())))
        return _Sample(
            time.monotonic(), looks, Usage.of(self.operator), Usage.of(self.api_server), await self.api.requests()
        )

    async def _between(self, seconds: float) -> Counter[tuple[str, str, str]]:
        before = await self.api.requests()
        await asyncio.sleep(seconds)
        return await self.api.requests() - before

    async def _rollback(self, key: Key) -> float:
        """Seconds from the first answer of a challenger that turned bad until it gets no traffic."""
        challenger = self.seen.rollouts[key]["status"]["challenger"]["hash"]
        started = time.monotonic()
        self.traffic.broken.add((*key, challenger))
        while self.traffic.weights[key].get(challenger, 0) > 0:
            if time.monotonic() - started > 600:
                return float("inf")
            await asyncio.sleep(0.1)
        return time.monotonic() - started


# Requests of the simulation itself, of controllers, and those that watches and Leases make.
_OPERATORS = {"modelrollouts", "deployments", "services", "pods", "httproutes", "events"}
_SIMULATED = {("PATCH", "pods", "status"), ("PATCH", "httproutes", "status")}


def _per(looks: float, requests: Counter[tuple[str, str, str]]) -> dict[str, float]:
    counted: Counter[str] = Counter()
    for (verb, resource, subresource), number in requests.items():
        if resource in _OPERATORS and verb != "WATCH" and (verb, resource, subresource) not in _SIMULATED:
            counted[f"{verb} {resource}{'/' if subresource else ''}{subresource}"] += number
    return {name: number / looks for name, number in counted.most_common()}


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
