"""How much the service takes in, beside a plain COPY of the same rows: `python -m tests.outcomes.bench`.

Service, PostgreSQL and sender share this machine, so the figures are of all three together.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx
import psycopg
from psycopg import sql

from tests.outcomes.postgres import running_server
from tests.outcomes.process import Process

BATCH = 500
NAMED = {"namespace": "ml", "rollout": "digits"}
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """What was done in how long."""

    name: str
    rows: int
    seconds: float
    cpu: float
    """Seconds of processor time of the service."""
    memory: int
    """Resident bytes of the service afterwards."""

    def __str__(self) -> str:
        each = f"{1e6 * self.cpu / self.rows:7.0f}" if self.cpu else f"{'':7}"
        memory = f"{self.memory / MEGABYTE:7.0f}" if self.memory else ""
        return f"{self.name:34} {self.rows:9} {self.rows / self.seconds:12.0f} {each} {memory}".rstrip()


def prediction(number: int, at: float) -> dict[str, object]:
    """One, as the SDK sends it, with a segment of ten."""
    fields = {"request": f"request-{number:012}", "version": f"v{number % 2}", "revision": "r1", "at": at}
    answer = {"prediction": str(number % 10), "confidence": 0.9, "segments": {"country": str(number % 10)}}
    return {**NAMED, **fields, **answer, "arm": "champion", "endpoint": "/predict"}


def truth(number: int) -> dict[str, object]:
    """Its truth, which is wrong one time in seven."""
    return {**NAMED, "request": f"request-{number:012}", "truth": str((number if number % 7 else 0) % 10)}


def bodies(field: str, items: Sequence[dict[str, object]]) -> list[bytes]:
    """Requests of BATCH items each."""
    parts = (items[start : start + BATCH] for start in range(0, len(items), BATCH))
    return [json.dumps({field: part}).encode() for part in parts]


def post(service: Process, path: str, requests: Sequence[bytes], pace: float = 0.0) -> None:
    """Send requests one after the other, the next not before `pace` seconds after the last."""
    with httpx.Client(base_url=service.url, timeout=60) as client:
        due = time.monotonic()
        for body in requests:
            time.sleep(max(0.0, due - time.monotonic()))
            client.post(path, content=body).raise_for_status()
            due += pace


def measured(name: str, rows: int, service: Process, work: Callable[[], object]) -> Figure:
    """Do it, and say what it cost."""
    cpu, started = service.cpu_seconds(), time.monotonic()
    work()
    return Figure(name, rows, time.monotonic() - started, service.cpu_seconds() - cpu, service.memory())


def together(*works: Callable[[], object]) -> None:
    """Do all at once."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sustained(service: Process, first: int, rate: int, seconds: int) -> Figure:
    """Predictions and truths at `rate` a second each, for so long."""
    numbers, now, pace = range(first, first + rate * seconds), time.time(), BATCH / rate
    predictions = bodies("predictions", [prediction(each, now) for each in numbers])
    truths = bodies("truths", [truth(each) for each in numbers])
    return measured(
        f"both, {rate}/s asked for, {seconds} s",
        2 * len(numbers),
        service,
        lambda: together(
            lambda: post(service, "/v1/predictions", predictions, pace),
            lambda: post(service, "/v1/truths", truths, pace),
        ),
    )


def table(service: Process, rows: int, first: int) -> Figure:
    """Truths of predictions that are not known, as one CSV, which is made while it is sent."""

    def lines() -> Iterator[bytes]:
        yield b"request,truth\n"
        for start in range(0, rows, BATCH):
            yield "".join(f"request-{first + each:012},7\n" for each in range(start, start + BATCH)).encode()

    def send() -> None:
        parameters = {"namespace": "ml", "rollout": "digits"}
        url = f"{service.url}/v1/truths/csv"
        httpx.post(url, params=parameters, content=lines(), timeout=600).raise_for_status()

    return measured("CSV of truths, one request", rows, service, send)


def copied(url: str) -> Figure:
    """COPY of all stored predictions into a table with the same columns and indexes."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE plain (LIKE predictions INCLUDING ALL)")
        with connection.cursor().copy("COPY (SELECT * FROM predictions) TO STDOUT") as copy:
            rows = [bytes(row) for row in copy]
        started = time.monotonic()
        with connection.cursor().copy(sql.SQL("COPY plain FROM STDIN")) as copy:
            for row in rows:
                copy.write(row)
        connection.commit()
        return Figure("COPY of the same predictions", len(rows), time.monotonic() - started, 0.0, 0)


def figures(url: str, service: Process, options: argparse.Namespace) -> Iterator[Figure]:
    """One after the other."""
    count, now = options.items, time.time()
    predictions = bodies("predictions", [prediction(each, now) for each in range(count)])
    yield measured("predictions", count, service, lambda: post(service, "/v1/predictions", predictions))
    yield copied(url)
    truths = bodies("truths", [truth(each) for each in range(count)])
    yield measured("truths", count, service, lambda: post(service, "/v1/truths", truths))
    yield measured("the same truths again", count, service, lambda: post(service, "/v1/truths", truths))
    yield sustained(service, count, options.rate, options.seconds)
    yield table(service, options.rows, count)


def main() -> None:
    """Start PostgreSQL and the service, and print the figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50_000, help="predictions and truths sent at full speed")
    parser.add_argument("--rate", type=int, default=2000, help="predictions, and truths, a second where it is held")
    parser.add_argument("--seconds", type=int, default=30, help="for how long the rate is held")
    parser.add_argument("--rows", type=int, default=50_000, help="of the CSV file")
    options = parser.parse_args()
    with running_server() as server:
        # What is sent matures while more is sent.
        service = Process(server.url, "--maturity=5s", "--count-interval=1")
        try:
            service.start()
            service.wait()
            print(f"{'':34} {'rows':>9} {'rows/s':>12} {'CPU us':>7} {'RSS MB':>7}", flush=True)
            for figure in figures(server.url, service, options):
                print(figure, flush=True)
        finally:
            service.kill()


if __name__ == "__main__":
    main()
