"""A server in the place of Prometheus that gives one answer, however wrong."""

import json
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from modelrollout.metrics.prometheus.client import (
    PrometheusClient,
    SourceFailure,
)


class Answering(BaseHTTPRequestHandler):
    """Gives one answer to whatever it is asked, and remembers what that was."""

    status = 200
    body = ""
    date = ""
    queries: list[dict[str, list[str]]]
    authorizations: list[str | None]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.queries.append(query)
        self.authorizations.append(self.headers["Authorization"])
        self.send_response_only(self.status)
        if self.date:
            self.send_header("Date", self.date)
        self.end_headers()
        self.wfile.write(self.body.encode())

    def log_message(self, *_: object) -> None:
        pass


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
