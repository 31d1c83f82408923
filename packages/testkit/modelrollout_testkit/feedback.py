"""What clients tell the service once they know the truth."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

import requests

from modelrollout_testkit.load import HOST, Load


class Feedback:
    """Says of every prediction that a load gets whether it was right, through the gateway, while `with` lasts.

    url: of the gateway. host: that requests ask for. codes: what it was answered with, HTTP statuses.
    """

    def __init__(self, url: str, load: Load, host: str = HOST) -> None:
        self.codes: Counter[int] = Counter()
        self._url = f"{url}/feedback"
        self._load = load
        self._host = host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        since = time.time()
        with requests.Session() as session:
            session.headers["Host"] = self._host
            while not self._stop.wait(0.5):
                answers, since = self._load.since(since), time.time()
                for answer in answers:
                    if answer.right is not None:
                        # Which digits they were does not matter, only whether they are the same.
                        outcome = {"predicted": 1, "actual": 1 if answer.right else 7}
                        version = answer.version.partition(":")[2]
                        response = session.post(self._url, json={"version": version, **outcome}, timeout=30)
                        self.codes[response.status_code] += 1
