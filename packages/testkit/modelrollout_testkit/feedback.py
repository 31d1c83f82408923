"""What clients tell the service once they know the truth."""

import time
from collections import Counter

import requests

from modelrollout_testkit.background import Background
from modelrollout_testkit.load import HOST, Load


class Feedback(Background):
    """Says of every prediction that a load gets whether it was right, through the gateway, while `with` lasts.

    url: of the gateway. host: that requests ask for. codes: what it was answered with, HTTP statuses.
    """

    def __init__(self, url: str, load: Load, host: str = HOST) -> None:
        super().__init__()
        self.codes: Counter[int] = Counter()
        self._url = f"{url}/feedback"
        self._load = load
        self._host = host

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
