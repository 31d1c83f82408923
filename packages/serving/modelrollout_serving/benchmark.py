"""What recording adds to a prediction: `python -m modelrollout_serving.benchmark`.

The same service is called through ASGI, with and without the SDK, in alternating calls, so that whatever else happens
on the machine happens to both. The metrics are those of several workers, which BentoML has in files; records go over
HTTP to another process.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from modelrollout_serving.capture import Capture
from modelrollout_serving.predictions import Predictions
from modelrollout_serving.reference import Reference, reference
from modelrollout_serving.sinks.outcomes import OutcomesService

_FILES_OF_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_POD = {"MODELROLLOUT_NAMESPACE": "ml", "MODELROLLOUT_NAME": "digits", "MODELROLLOUT_VERSION": "v1"}
_FEATURES = 10
_SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "path": "/predict",
    "query_string": b"",
    "headers": [
        (b"host", b"digits.example"),
        (b"x-request-id", b"5e4c9d0c-8a53-4be0-92ff-3a4b6f1f7a55"),
        *((f"x-other-{number}".encode(), b"value") for number in range(12)),
    ],
}
_ROW = [float(value) for value in range(_FEATURES)]


class _Application(Protocol):
    """What is called, and what may be put around it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def add_middleware(self, middleware_class: Any, **options: Any) -> None: ...


class _Watched:
    """A Starlette application in the place of a BentoML service."""

    apis: dict[str, Any] = {}  # noqa: RUF012 (as the service has it)
    models: Sequence[Any] = ()
    path_prefix = None

    def __init__(self, app: _Application) -> None:
        self._app = app

    def add_asgi_middleware(self, middleware_cls: Any, **options: Any) -> None:
        self._app.add_middleware(middleware_cls, **options)


def compare(calls: int) -> tuple[list[float], list[float]]:
    """Seconds of each of `calls` calls without and with the SDK."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_accept, args=(theirs,), daemon=True)
    server.start()
    sink = OutcomesService(f"http://127.0.0.1:{ours.recv()}")
    predictions = Predictions(unsure_below=0.9, capture=Capture(sample=0.01), sink=sink, room=10 * calls)
    stored = Reference.of(reference(np.random.default_rng(0).normal(size=(1000, _FEATURES))))
    assert stored is not None
    predictions.use(stored)
    plain, recorded = _application(None), _application(predictions)
    predictions.watch(_Watched(recorded))
    try:
        return asyncio.run(_alternate(plain, recorded, calls))
    finally:
        predictions.close()
        server.kill()


def _accept(port: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Accepting)
    port.send(server.server_port)
    server.serve_forever()


class _Accepting(BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = b'{"accepted": 0, "duplicates": 0, "rejected": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def _application(predictions: Predictions | None) -> _Application:
    async def predict(_: Request) -> JSONResponse:
        if predictions is not None:
            predictions.record("7", 0.93, features=_ROW, segments={"country": "ch"}, input=_ROW)
        return JSONResponse({"digit": "7", "confidence": 0.93})

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


async def _alternate(plain: _Application, recorded: _Application, calls: int) -> tuple[list[float], list[float]]:
    for _ in range(calls // 10):
        await _call(plain)
        await _call(recorded)
    without, with_sdk = [], []
    for _ in range(calls):
        without.append(await _call(plain))
        with_sdk.append(await _call(recorded))
    return without, with_sdk


async def _call(app: _Application) -> float:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        """Nobody reads it."""

    began = perf_counter()
    await app(dict(_SCOPE), receive, send)
    return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    if _FILES_OF_METRICS not in os.environ:
        # The client library looks at it when it is imported.
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, **_POD, _FILES_OF_METRICS: folder}
            command = [sys.executable, "-m", "modelrollout_serving.benchmark", f"--calls={calls}"]
            raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)
    without, with_sdk = compare(calls)
    print(f"{'microseconds a call':<22}{'median':>8}{'p90':>8}{'p99':>8}")
    for name, seconds in (("without the SDK", without), ("with the SDK", with_sdk)):
        cuts = statistics.quantiles(seconds, n=100)
        print(f"{name:<22}{cuts[49] * 1e6:>8.1f}{cuts[89] * 1e6:>8.1f}{cuts[98] * 1e6:>8.1f}")
    added = statistics.median(with_sdk) - statistics.median(without)
    print(f"added at the median: {added * 1e6:.1f} microseconds")


if __name__ == "__main__":
    main()
