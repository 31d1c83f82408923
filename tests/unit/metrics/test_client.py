"""Every way in which Prometheus can fail to answer is told apart from a query that it refuses, and in plain words."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from modelrollout.api.gates import Gate
from modelrollout.metrics.prometheus.client import BearerTokenFile, PrometheusClient, QueryRefused, SourceFailure
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import SourceDown
from modelrollout.rollout.settings import Settings


class Answering(BaseHTTPRequestHandler):
    """Tells the time, gives one answer to whatever else it is asked, and remembers what that was."""

    status = 200
    body = ""
    time = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1.7e9, "1.7e9"]}})
    queries: list[dict[str, list[str]]]
    authorizations: list[str | None]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.queries.append(query)
        self.authorizations.append(self.headers["Authorization"])
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write((self.time if query["query"] == ["time()"] else self.body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Answering,), {"queries": [], "authorizations": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def answer(server: ThreadingHTTPServer, status: int, body: object) -> type[Answering]:
    handler = server.RequestHandlerClass
    assert issubclass(handler, Answering)
    handler.status, handler.body = status, body if isinstance(body, str) else json.dumps(body)
    return handler


def result(values: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": values}, **more}


def failure_of(url: str, timeout: float = 5.0) -> str:
    with closing(PrometheusClient(url, timeout=timeout)) as client, pytest.raises(SourceFailure) as raised:
        client.raw("up", 0, 1000)
    return str(raised.value)


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
        (200, {"status": "success"}, "gave an answer that makes no sense: KeyError('data')"),
        (200, [], "gave an answer that makes no sense: TypeError"),
        (200, result([{"metric": {}, "values": [[1, "one"]]}]), "gave an answer that makes no sense: ValueError"),
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


def test_credentials_in_the_address_are_not_told() -> None:
    assert "secret" not in failure_of("http://user:secret@127.0.0.1:1")


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "http://", ""])
def test_an_address_that_is_no_url_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="http or https URL"):
        PrometheusClient(url, timeout=5)


def test_a_token_is_read_anew_for_every_request(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    handler = answer(server, 200, result([]))
    token = tmp_path / "token"
    client = PrometheusClient(url_of(server), timeout=5, auth=BearerTokenFile(token))

    with closing(client):
        for value in ("first", "second\n"):
            token.write_text(value)
            client.raw("up", 0, 1000)

    assert handler.authorizations == ["Bearer first", "Bearer second"]


def test_moments_are_asked_for_to_the_millisecond(server: ThreadingHTTPServer) -> None:
    handler = answer(server, 200, result([]))

    with closing(PrometheusClient(url_of(server), timeout=5)) as client:
        client.evaluate("x", 1_500, 4_500, 1_500)
        client.raw("up", 1_250, 4_500)

    assert handler.queries == [
        {"query": ["x"], "start": ["1.500"], "end": ["4.500"], "step": ["1.500"], "timeout": ["5000ms"]},
        {"query": ["up[3250ms]"], "time": ["4.500"], "timeout": ["5000ms"]},
    ]


ARMS = Arms("ml", "a-.*", "b-.*")
GATES = [
    Gate.model_validate({"name": "errors", "errorRate": {}}),
    Gate.model_validate({"name": "overload", "errorRate": {"codes": "429|503"}}),
    Gate.model_validate({"name": "slow", "latency": {"threshold": "250ms"}}),
    Gate.model_validate({"name": "very-slow", "latency": {"threshold": "1s"}}),
]


async def test_gates_share_what_they_read(server: ThreadingHTTPServer) -> None:
    handler = answer(server, 200, result([]))

    with closing(PrometheusSource(url_of(server), Settings())) as source:
        await source.measure(GATES, ARMS, after=None, now=1.7e9)

    queries = [query["query"][0].split("[")[0] for query in handler.queries]
    of_codes = [re.findall('http_response_code=~"(.*?)"', query) for query in queries]
    assert [query.split("{")[0] for query in queries] == [
        "time()",
        "",
        *["bentoml_service_request_total"] * 3,
        "bentoml_service_request_duration_seconds_bucket",
        "bentoml_service_request_duration_seconds",
    ]
    assert of_codes == [[], [], [], ["5.."], ["429|503"], [], []]


async def test_a_source_that_is_too_slow_altogether_is_down() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        closing(PrometheusSource(f"http://127.0.0.1:{silent.getsockname()[1]}", Settings(), timeout=0.1)) as source,
    ):
        measured = await source.measure(GATES, ARMS, after=None, now=0)

    assert set(measured) == {"errors", "overload", "slow", "very-slow"}
    assert all(isinstance(measurement, SourceDown) for measurement in measured.values())
