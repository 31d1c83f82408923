"""A BentoML service in processes of its own, asked over HTTP, while the outcomes service is up, hangs, or is busy."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

SERVICE = Path(__file__).parent / "served"
SECONDS = 90


class Outcomes(ThreadingHTTPServer):
    """Takes predictions as the outcomes service does, once it is `open`; before, it lets who posts wait."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.predictions: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self.open = threading.Event()
        self.open.set()

    def of(self, request: str) -> list[dict[str, Any]]:
        return [one for one in self.predictions if one["request"] == request]


class Answers(BaseHTTPRequestHandler):
    server: Outcomes

    def do_POST(self) -> None:
        posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["predictions"]
        self.server.open.wait(SECONDS)
        self.server.predictions += posted
        self.server.tokens.add(self.headers["Authorization"])
        answer = json.dumps({"accepted": len(posted), "duplicates": 0, "rejected": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    with Outcomes() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()


class Pod:
    """What would run in a pod: BentoML, its supervisor and workers. url: of its port."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "bentoml", "serve", "service:Sign", f"--port={port}", "--host=127.0.0.1"]
        self._process = subprocess.Popen(command, cwd=SERVICE, env=environment, start_new_session=True)

    def ask(self, path: str, body: object, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"{self.url}{path}", json=body, headers=named, timeout=30)

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(httpx.get(f"{self.url}/metrics").text)
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}

    def is_ready(self) -> bool:
        assert self._process.poll() is None, "BentoML ended by itself"
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.HTTPError:
            return False

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)

    def kill(self) -> None:
        """Whatever is left of the process and its workers."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pod(outcomes: Outcomes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    home = tmp_path_factory.mktemp("bentoml")
    token = home / "token"
    token.write_text("a-token\n")
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "MODELROLLOUT_OUTCOMES_URL": f"http://127.0.0.1:{outcomes.server_port}",
        "MODELROLLOUT_OUTCOMES_TOKEN_FILE": str(token),
        "MODELROLLOUT_NAMESPACE": "ml",
        "MODELROLLOUT_NAME": "sign",
        "MODELROLLOUT_VERSION": "v1",
    }
    subprocess.run([sys.executable, "-c", SAVE], env=environment, check=True)
    served = Pod(environment)
    try:
        until(served.is_ready)
        yield served
    finally:
        served.kill()


SAVE = """
import bentoml, numpy
from modelrollout_serving import reference
training = numpy.arange(-50, 50).reshape(-1, 1) / 10
with bentoml.models.create("sign:v1", metadata=reference(training, {"value": 0})):
    pass
"""


def test_each_answer_names_the_request_by_which_its_prediction_is_recorded(pod: Pod, outcomes: Outcomes) -> None:
    given = pod.ask("/predict", {"value": 0.3}, x_request_id="given")
    made = pod.ask("/predict", {"value": -2.0})
    assert (given.text, given.headers["x-request-id"], made.text) == ("positive", "given", "negative")
    until(lambda: outcomes.of("given") and outcomes.of(made.headers["x-request-id"]))
    [record] = outcomes.of("given")
    assert 0 < record.pop("latency") < 30
    assert abs(record.pop("at") - time.time()) < SECONDS
    assert record == {
        "request": "given",
        "namespace": "ml",
        "rollout": "sign",
        "version": "v1",
        "revision": "",
        "arm": None,
        "endpoint": "/predict",
        "prediction": "positive",
        "confidence": 0.3,
        "segments": {"size": "small"},
        "key": None,
        "shadow": False,
        "input": None,
    }
    assert outcomes.tokens == {"Bearer a-token"}


def test_a_mirrored_copy_is_recorded_under_the_same_id_with_its_input(pod: Pod, outcomes: Outcomes) -> None:
    pod.ask("/predict", {"value": 0.3}, x_request_id="mirrored", host="sign.example-shadow")
    until(lambda: outcomes.of("mirrored"))
    [record] = outcomes.of("mirrored")
    assert (record["shadow"], record["input"]) == (True, 0.3)


def test_predictions_of_a_batch_keep_their_keys_and_take_no_others_id(pod: Pod, outcomes: Outcomes) -> None:
    numbers = range(100, 110)
    with ThreadPoolExecutor(10) as at_once:
        answers = list(at_once.map(lambda number: pod.ask("/double", {"values": [number]}), numbers))
    assert [answer.json() for answer in answers] == [[2 * number] for number in numbers]
    keys = [f"value-{number}" for number in numbers]
    until(lambda: {one["key"] for one in outcomes.predictions} >= set(keys))
    batched = [one for one in outcomes.predictions if one["key"] in keys]
    assert len({one["request"] for one in batched}) == 10
    assert {one["request"] for one in batched}.isdisjoint(answer.headers["x-request-id"] for answer in answers)


def test_workers_count_together_and_show_the_reference(pod: Pod) -> None:
    def counted(name: str, **labels: str) -> float:
        return pod.metrics().get((name, frozenset(labels.items())), 0)

    def predictions() -> float:
        return counted("modelrollout_predictions_total", endpoint="/predict", prediction="positive")

    before, unsure = predictions(), counted("modelrollout_unsure_predictions_total", endpoint="/predict")
    lowest = counted("modelrollout_feature_values_total", feature="value", bucket="5")
    with ThreadPoolExecutor(10) as at_once:
        list(at_once.map(lambda _: pod.ask("/predict", {"value": 0.4}), range(40)))
    assert predictions() - before == 40
    assert counted("modelrollout_unsure_predictions_total", endpoint="/predict") - unsure == 40
    assert counted("modelrollout_feature_values_total", feature="value", bucket="5") - lowest == 40
    assert counted("modelrollout_reference_share", feature="value", bucket="5") == pytest.approx(0.1)
    assert counted("modelrollout_reference_boundary", feature="value", bucket="5") == pytest.approx(0.9)


def test_predictions_go_on_while_the_outcomes_service_hangs_and_reach_it_before_the_end(
    pod: Pod, outcomes: Outcomes
) -> None:
    outcomes.open.clear()
    ids = [f"late-{number}" for number in range(60)]
    answers = [pod.ask("/predict", {"value": 1.0}, x_request_id=one) for one in ids]
    assert {answer.status_code for answer in answers} == {200}
    outcomes.open.set()
    last = [pod.ask("/predict", {"value": 1.0}, x_request_id=f"last-{number}") for number in range(10)]
    pod.end()
    recorded = {one["request"] for one in outcomes.predictions}
    assert recorded >= {*ids, *(answer.headers["x-request-id"] for answer in last)}
