"""The outcomes service on a cluster, with PostgreSQL, and clients that tell it the truth."""

import time

import requests

from modelrollout_localcluster import Cluster
from modelrollout_testkit.answers import Answer
from modelrollout_testkit.background import Background
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.images import outcomes_image, postgresql_image
from modelrollout_testkit.load import Load
from modelrollout_testkit.postgresql import NAME as DATABASE
from modelrollout_testkit.postgresql import install_postgresql

RELEASE = "outcomes"
NAMESPACE = "outcomes"
PORT = 8080
IN_CLUSTER = f"http://{RELEASE}.{NAMESPACE}:{PORT}"
"""Where pods reach it."""


def install_outcomes(environment: Environment, cluster: Cluster, maturity: str) -> None:
    """Install the service, with its chart, beside a database of its own, and wait until it is ready."""
    database, service = postgresql_image(), outcomes_image(environment.checkout)
    for image in (database, service):
        cluster.load_image(image.path)
    install_postgresql(environment.kubectl, NAMESPACE, database.name)
    repository, _, tag = service.name.rpartition(":")
    settings = {
        "image.repository": repository,
        "image.tag": tag,
        "image.pullPolicy": "Never",
        "database.secret": DATABASE,
        "maturities[0]": maturity,
        "countInterval": "1",
        "access": "open",
        "podAnnotations.image-digest": service.digest,
    }
    sets = [f"--set={key}={value}" for key, value in settings.items()]
    chart = environment.checkout.root / "charts" / RELEASE
    helm = ("helm", "upgrade", "--install", RELEASE, str(chart), f"--namespace={NAMESPACE}", "--wait", *sets)
    environment.kubectl.run(*helm, folder=environment.checkout.root)


class Truths(Background):
    """Tells the service the truth about every prediction that a load gets, some time later, while `with` lasts.

    url: of the service. rollout: namespace and name. later: seconds. Every truth is told twice, the latest one first.
    """

    def __init__(self, url: str, load: Load, rollout: tuple[str, str], later: float) -> None:
        super().__init__()
        self.told: list[Answer] = []
        self._url = url
        self._load = load
        self._rollout = rollout
        self._later = later

    def _run(self) -> None:
        since = time.time()
        with requests.Session() as session:
            while not self._stop.wait(0.5):
                until = time.time() - self._later
                due = [
                    one for one in self._load.since(since) if one.sent < until and one.request and one.truth is not None
                ]
                since = max(since, until)
                for batch in (due[::-1], due):
                    self._tell(session, batch)
                self.told += due

    def _tell(self, session: requests.Session, answers: list[Answer]) -> None:
        namespace, name = self._rollout
        rollout = {"namespace": namespace, "rollout": name}
        truths = [{**rollout, "request": one.request, "truth": one.truth} for one in answers]
        while truths and not self._stop.is_set():
            try:
                response = session.post(f"{self._url}/v1/truths", json={"truths": truths}, timeout=10)
            except requests.ConnectionError:
                time.sleep(0.5)
                continue
            if response.ok:
                return
            time.sleep(0.5)
