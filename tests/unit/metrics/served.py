"""A server with Prometheus' HTTP API over recorded scrapes, in a process of its own or in this one."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.unit.metrics.recorded import Record, between, clock_of, counters_of

from modelrollout.metrics.bentoml import REQUESTS
from modelrollout.metrics.counting.scrapes import SCRAPE_DURATION
from modelrollout.metrics.counting.series import Series

RANGE = re.compile(r"\[(\d+)ms\]$")
SLOW, HUGE = "slow_query", "huge_total"


def matrix(series: Iterable[Series]) -> str:
    entries = [
        {"metric": one.labels, "values": [[at / 1000, str(value)] for at, value in one.samples.items()]}
        for one in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": entries}})


@cache
def huge() -> bytes:
    """A hundred thousand series: what a pod exposes that counts by the paths that strangers ask for."""
    one = '{"metric":{"__name__":"%s","path":"/%050d"},"values":[[1,"1"],[2,"1"],[3,"1"]]}'
    entries = ",".join(one % (HUGE, number) for number in range(100_000))
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{entries}]}}}}'.encode()


class Answers(BaseHTTPRequestHandler):
    """Gives what was recorded of the requests; never answers about SLOW; gives 100 000 series about HUGE."""

    protocol_version = "HTTP/1.1"
    record: Record
    queries: list[str]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        expression = query["query"][0]
        self.queries.append(expression)
        if SLOW in expression:
            self.rfile.read(1)
            return
        body = b"".join(self._chunks(expression, query))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _chunks(self, expression: str, query: Mapping[str, list[str]]) -> Iterator[bytes]:
        if HUGE in expression:
            yield huge()
            return
        reach = RANGE.search(expression)
        series: list[Series] = []
        if reach and SCRAPE_DURATION in expression:
            series = clock_of(self.record)
        elif reach and expression.startswith(f"{REQUESTS}{{"):
            series = counters_of(self.record)
        if reach:
            end = round(float(query["time"][0]) * 1000)
            series = between(series, end - int(reach[1]), end)
        yield matrix(series).encode()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(record: Record) -> Iterator[tuple[str, list[str]]]:
    """The URL of a server, and the queries that it is asked."""
    queries: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Answers,), {"record": record, "queries": queries}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", queries
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def bad_challenger(windows: int, interval: int) -> Record:
    """Until now, one answer in a thousand of the champion's and one in four of the challenger's is an error."""
    last = int(time.time() * 1000) // interval
    return {
        pod: {
            index * interval + 100: {"200": good * (index - last + windows), "500": bad * (index - last + windows)}
            for index in range(last - windows, last)
        }
        for pod, good, bad in (("champion-1", 999, 1), ("challenger-1", 75, 25))
    }


if __name__ == "__main__":
    huge()
    with serving(bad_challenger(40, 1000)) as (address, _):
        print(address, flush=True)
        sys.stdin.read()
