"""What was answered with 2xx is there after SIGKILL of the service and of the database."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.tables import predictions
from tests.outcomes.postgres import PostgresServer, running_server
from tests.outcomes.process import Process

BATCH = 20
COUNTING = ("--count-interval=0.2", "--maturity=1s")


class Sender(threading.Thread):
    """Sends batches until it is told to stop, and remembers which were answered with 200."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self._url, self._name = f"http://127.0.0.1:{port}", name
        self.acknowledged: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self._url, timeout=5) as client:
            while not self.ended.is_set():
                number += 1
                requests = [f"{self._name}-{number}-{each}" for each in range(BATCH)]
                try:
                    both = [self._predictions(client, requests), self._truths(client, requests)]
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if both == [200, 200]:
                    self.acknowledged += requests

    def _predictions(self, client: httpx.Client, requests: list[str]) -> int:
        named = {"namespace": "ml", "rollout": "digits"}
        items = [{**named, "request": each, "version": "v1", "at": time.time(), "prediction": 7} for each in requests]
        return client.post("/v1/predictions", json={"predictions": items}).status_code

    def _truths(self, client: httpx.Client, requests: list[str]) -> int:
        items = [{"namespace": "ml", "rollout": "digits", "request": each, "truth": 7} for each in requests]
        return client.post("/v1/truths", json={"truths": items}).status_code


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    with running_server() as server:
        yield server


def send_through(process: Process, disturb: list[str], server: PostgresServer | None = None) -> list[str]:
    """Send while the service and its database are killed in turn. Returns what was acknowledged."""
    process.start()
    senders = [Sender(process.port, name) for name in "ab"]
    for sender in senders:
        sender.start()
    for what in disturb:
        _progress(senders)
        if what == "service":
            process.kill()
            process.start()
        elif server is not None:
            server.kill()
            server.start()
    _progress(senders)
    for sender in senders:
        sender.ended.set()
    for sender in senders:
        sender.join()
    process.kill()
    return [each for sender in senders for each in sender.acknowledged]


def _progress(senders: list[Sender]) -> None:
    """Wait until every sender has had something acknowledged since."""
    before = [len(sender.acknowledged) for sender in senders]
    deadline = time.monotonic() + 60
    while any(len(sender.acknowledged) <= count + BATCH for sender, count in zip(senders, before, strict=True)):
        assert time.monotonic() < deadline, "nothing is acknowledged any more"
        time.sleep(0.05)


def stored(url: str) -> dict[str, str | None]:
    database = open_database(url)
    with database.reading() as connection:
        rows = connection.execute(select(predictions.c.request, predictions.c.truth)).all()
        counted = connection.execute(select(func.count()).select_from(predictions)).scalar_one()
    database.close()
    assert counted == len(rows)
    return {row.request: row.truth for row in rows}


def test_sqlite_keeps_what_was_acknowledged_when_the_service_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'outcomes.db'}"
    acknowledged = send_through(Process(url, *COUNTING), ["service", "service"])
    kept = stored(url)
    assert [each for each in acknowledged if kept.get(each) != "7"] == []


def test_postgresql_keeps_what_was_acknowledged_when_service_and_server_are_killed(
    own_postgres: PostgresServer,
) -> None:
    acknowledged = send_through(Process(own_postgres.url, *COUNTING), ["service", "database", "service"], own_postgres)
    kept = stored(own_postgres.url)
    assert [each for each in acknowledged if kept.get(each) != "7"] == []
