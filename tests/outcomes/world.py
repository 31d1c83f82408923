"""A service over a database, with a clock of its own."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from modelrollout_outcomes.service.app import create_app
from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.tables import metadata

DAY = 86400
START = 1_800_000_000.0


class World:
    """Predictions and truths of one rollout. Time passes by `sleep`; what has matured counts when somebody looks."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self._database = database
        self.restart()

    def restart(self, **settings: Any) -> None:
        """A new process on the same database."""
        self.service = Service.of(ServiceSettings(**settings), self._database, lambda: self.now)
        # Without its lifespan, in which it counts by itself.
        self.client = TestClient(create_app(self.service))

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def count(self) -> None:
        self.service.maturing.run(self.now)

    def prediction(self, request: str, **fields: Any) -> dict[str, Any]:
        named = {"namespace": "ml", "rollout": "digits", "version": "v1", "request": request, "at": self.now}
        return {**named, "prediction": "7", "confidence": 0.9, **fields}

    def truth(self, request: str | None, truth: Any, **fields: Any) -> dict[str, Any]:
        return {"namespace": "ml", "rollout": "digits", "request": request, "truth": truth, **fields}

    def post(self, what: str, *items: Any) -> Any:
        answer = self.client.post(f"/v1/{what}", json={what: list(items)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def predict(self, *requests: str, **fields: Any) -> Any:
        return self.post("predictions", *(self.prediction(request, **fields) for request in requests))

    def learn(self, request: str, truth: Any, **fields: Any) -> str:
        """What becomes of a truth."""
        [answer] = self.post("truths", self.truth(request, truth, **fields))["truths"]
        return str(answer["state"])

    def learn_by_key(self, key: str, at: float, truth: Any) -> str:
        [answer] = self.post("truths", self.truth(None, truth, key=key, at=at))["truths"]
        return str(answer["state"])

    def counted(self, family: str = "matured_total", **labels: str) -> Mapping[str, float]:
        """Samples of a family with these labels, of the whole unless they name a segment, by the labels of its own."""
        self.count()
        wanted = labels if family == "corrected_total" else {"segment": "", **labels}
        samples = [(given, value) for given, value in self._samples(family) if wanted.items() <= given.items()]
        return {"/".join(given[name] for name in _OWN if name in given): value for given, value in samples}

    def rows(self) -> Mapping[str, int]:
        """How much is stored of what goes with time."""
        names = ("predictions", "waiting_truths", "windows")
        with self._database.reading() as connection:
            selected = (select(func.count()).select_from(metadata.tables[name]) for name in names)
            return dict(zip(names, (connection.execute(each).scalar_one() for each in selected), strict=True))

    def _samples(self, family: str) -> Iterator[tuple[dict[str, str], float]]:
        for line in self.client.get("/metrics").text.splitlines():
            if match := re.fullmatch(rf"modelrollout_outcomes_{family}{{(.*)}} (.*)", line):
                yield dict(re.findall(r'(\w+)="(.*?)"', match[1])), float(match[2])


_OWN = ("outcome", "loss", "predicted", "truth")
