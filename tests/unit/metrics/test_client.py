"""Every way in which Prometheus can fail to answer is told apart from a query that it refuses, and in plain words."""

import re
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from email.utils import formatdate
from http.server import ThreadingHTTPServer

import pytest
from tests.unit.metrics.failing import answer, failure_of, result, url_of

from modelrollout.api.gates import Gate
from modelrollout.metrics.prometheus.budget import Budget, within
from modelrollout.metrics.prometheus.client import (
    AnswerTooLarge,
    PrometheusClient,
    QueryRefused,
    SourceTooSlow,
)
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import SourceDown
from modelrollout.rollout.settings import Settings


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, "Authorization required", "answers 401 Unauthorized"),
        (403, "", "answers 403 Forbidden"),
        (400, "<html>bad gateway configuration</html>", "answers 400 Bad Request"),
        (404, "404 page not found", "answers 404 Not Found"),
        (500, {"status": "error", "errorType": "internal", "error": "disk"}, "answers 500 Internal Server Error: disk"),
        (502, "[]", "answers 502 Bad Gateway"),
        (
            503,
            {"status": "error", "errorType": "timeout", "error": "query timed out"},
            "answers 503 Service Unavailable: query timed out",
        ),
        (200, "<html>please log in</html>", "did not answer in JSON: is it the address of a Prometheus?"),
        (200, {"status": "success"}, "gave an answer that makes no sense"),
        (200, [], "gave an answer that makes no sense"),
        (200, result([{"metric": {}, "values": [[1, "one"]]}]), "gave an answer that makes no sense"),
        (200, result([{"metric": {}, "values": [["NaN", "1"]]}]), "gave an answer that makes no sense"),
        (200, result([{"metric": {}, "values": [[1e400, "1"]]}]), "gave an answer that makes no sense"),
        (200, result([{"metric": {}, "values": [[1, True]]}]), "gave an answer that makes no sense"),
        (200, result([{"metric": {"pod": 7}, "values": []}]), "gave an answer that makes no sense"),
        (200, result([{"values": []}]), "gave an answer that makes no sense"),
        (200, result({"metric": {}}), "gave an answer that makes no sense"),
        (200, '{"data":{"result":' + "[" * 100_000, "gave an answer that makes no sense"),
        (200, '{"status":"success","data":{"resultType":"matrix","resu', "did not answer in JSON"),
        (
            200,
            '{"data":{"result":[{"metric":{},"values":[[' + "9" * 5000 + ',"1"]]}]}}',
            "gave an answer that makes no",
        ),
        (204, "", "answers 204 No Content"),
        (206, result([]), "answers 206 Partial Content"),
        (304, "", "answers 304 Not Modified"),
        (302, "", "answers 302 Found"),
        (500, {"error": "a\x1b[31mred\nline"}, "answers 500 Internal Server Error: ared line"),
        (500, {"errorType": 5, "error": ["x"]}, "answers 500 Internal Server Error: ['x']"),
        (
            200,
            result([], warnings=["store 10.0.0.7 is gone", "PromQL info: metric might not be a counter"]),
            "answers only in part: store 10.0.0.7 is gone",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_failure_of_the_source(
    server: ThreadingHTTPServer, status: int, body: object, message: str
) -> None:
    answer(server, status, body)

    assert failure_of(url_of(server)).startswith(f"Prometheus at 127.0.0.1:{server.server_port} {message}")


@pytest.mark.parametrize(("status", "error_type"), [(400, "bad_data"), (422, "execution")])
def test_a_query_that_prometheus_refuses_is_no_failure_of_the_source(
    server: ThreadingHTTPServer, status: int, error_type: str
) -> None:
    answer(server, status, {"status": "error", "errorType": error_type, "error": "1:4: parse error"})

    with (
        closing(PrometheusClient(url_of(server), timeout=5)) as client,
        pytest.raises(QueryRefused, match=re.escape("1:4: parse error")),
    ):
        client.evaluate("sum(", 0, 1000, 1000)


def test_remarks_of_promql_are_no_gaps(server: ThreadingHTTPServer) -> None:
    answer(server, 200, result([{"metric": {}, "values": [[1, "2"]]}], warnings=["PromQL warning: quantile is NaN"]))

    with closing(PrometheusClient(url_of(server), timeout=5)) as client:
        assert [series.samples for series in client.raw("up", 0, 1000)] == [{1000: 2.0}]


def test_a_prometheus_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        assert failure_of(f"http://127.0.0.1:{port}") == (
            f"Prometheus at 127.0.0.1:{port} cannot be reached: Connection refused"
        )


def test_a_prometheus_that_does_not_answer_in_time_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        assert failure_of(f"http://127.0.0.1:{port}", timeout=0.1) == (
            f"Prometheus at 127.0.0.1:{port} did not answer within 0.1 s"
        )


def test_moments_are_asked_for_to_the_millisecond(server: ThreadingHTTPServer) -> None:
    handler = answer(server, 200, result([]))

    with closing(PrometheusClient(url_of(server), timeout=5)) as client:
        client.evaluate("x", 1_500, 4_500, 1_500)
        client.raw("up", 1_250, 4_500)

    common = {"timeout": ["5000ms"], "limit": ["10000"]}
    assert handler.queries == [
        {"query": ["x"], "start": ["1.500"], "end": ["4.500"], "step": ["1.500"], **common},
        {"query": ["up[3250ms]"], "time": ["4.500"], **common},
    ]


def test_an_answer_of_too_many_bytes_is_not_read_to_its_end(server: ThreadingHTTPServer) -> None:
    answer(server, 200, result([{"metric": {"path": "x" * 100_000}, "values": []}]))

    client = PrometheusClient(url_of(server), timeout=5, most_bytes=50_000)
    with closing(client), pytest.raises(AnswerTooLarge, match="longer answer"):
        client.raw("up", 0, 1000)


@pytest.mark.parametrize("warnings", [[], ["results truncated due to limit"]])
def test_an_answer_of_too_many_series_is_told(server: ThreadingHTTPServer, warnings: list[str]) -> None:
    series = [{"metric": {"n": str(n)}, "values": []} for n in range(1 if warnings else 11)]
    answer(server, 200, result(series, warnings=warnings))

    with closing(PrometheusClient(url_of(server), timeout=5)) as client, pytest.raises(AnswerTooLarge):
        client.evaluate("x", 0, 1000, 1000, most_series=10)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([b""] * 100, id="nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX-A: "] + [b"x"] * 100, id="a head that never ends"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n"] + [b" "] * 100, id="a body that never ends"),
    ],
)
def test_a_deadline_frees_the_thread_and_the_connection(sent: Sequence[bytes]) -> None:
    """Each piece comes well within the time-out of one read."""
    gone = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.05)
            for piece in sent:
                try:
                    connection.sendall(piece)
                    while connection.recv(4096):
                        pass
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break
        gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        budget = Budget(60, 1_000_000)
        with closing(PrometheusClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60)) as client:
            timer = threading.Timer(0.3, budget.expire)
            timer.start()
            with within(budget), pytest.raises(SourceTooSlow):
                client.raw("up", 0, 1000)
        assert gone.wait(10)
        thread.join()
        timer.join()


@pytest.mark.parametrize(("ahead", "skew"), [(0.0, 0.0), (30.0, 30.0), (-30.0, -30.0)])
def test_the_clock_of_prometheus_is_told_by_its_answers(server: ThreadingHTTPServer, ahead: float, skew: float) -> None:
    handler = answer(server, 200, result([]))
    handler.date = formatdate(time.time() + ahead, usegmt=True)

    with closing(PrometheusClient(url_of(server), timeout=5)) as client:
        client.raw("up", 0, 1000)
        assert client.skew == pytest.approx(skew, abs=1.1)
        handler.date = "yesterday"
        client.raw("up", 0, 1000)
        assert client.skew == 0


ARMS = Arms("ml", "a-.*", "b-.*")
GATES = [
    Gate.model_validate({"name": "errors", "errorRate": {}}),
    Gate.model_validate({"name": "overload", "errorRate": {"codes": "429|503"}}),
    Gate.model_validate({"name": "slow", "latency": {"threshold": "250ms"}}),
    Gate.model_validate({"name": "very-slow", "latency": {"threshold": "1s"}}),
]


async def test_gates_share_what_they_read(server: ThreadingHTTPServer) -> None:
    handler = answer(server, 200, result([]))

    with closing(PrometheusSource(PrometheusClient(url_of(server), timeout=10), Settings())) as source:
        await source.measure(GATES, ARMS, after=None, now=1.7e9)

    assert [query["query"][0].split("{")[0] for query in handler.queries] == [
        "",
        "bentoml_service_request_total",
        "bentoml_service_request_duration_seconds_bucket",
    ]


async def test_a_source_that_is_too_slow_altogether_is_down() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        closing(PrometheusClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)) as client,
        closing(PrometheusSource(client, Settings(), seconds=0.3)) as source,
    ):
        measured = await source.measure(GATES, ARMS, after=None, now=0)

    assert set(measured) == {"errors", "overload", "slow", "very-slow"}
    assert all(isinstance(measurement, SourceDown) for measurement in measured.values())
