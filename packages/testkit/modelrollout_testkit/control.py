"""Tells a fault of the rollout from a busy machine: a control beside it has the same trouble.

The control is a Deployment of a model behind a route of its own, which no operator touches, under load of the same
kind. What counts against the operator is the difference.
"""

from collections.abc import Sequence
from math import comb

from modelrollout_testkit.answers import Answer, Kind, not_of_a_model
from modelrollout_testkit.changes import Object

CONTROL = "control"

# How seldom chance alone may look like a fault.
SIGNIFICANCE = 0.001


def unexplained(operated: Sequence[Answer], control: Sequence[Answer], faulty: frozenset[str]) -> list[Answer]:
    """The failures of a rollout's requests that neither a model's own bug nor a busy machine explains.

    control: answers to requests of the same time that no rollout was in the way of. faulty: Bentos that are known to
    answer with errors. A lost request or an error is unexplained unless the control had some too. A time-out is what a
    busy machine looks like, so it takes significantly more of them than the control had.
    """
    failures = not_of_a_model(operated, faulty)
    found: list[Answer] = []
    for kind in Kind:
        failed = [answer for answer in failures if answer.kind is kind]
        beside = sum(answer.kind is kind for answer in control)
        strict = not control or (kind is not Kind.TIME_OUT and not beside)
        if failed and (strict or _by_chance(len(failed), len(operated), beside, len(control)) < SIGNIFICANCE):
            found += failed
    return found


def control_objects(deployment: Object, namespace: str, gateway: tuple[str, str], host: str) -> list[Object]:
    """A Deployment of the same pods as a version's, its Service and its route, which no operator knows.

    namespace: for them. gateway: namespace and name. host: that requests to it ask for.
    """
    labels = {"app": CONTROL}
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    template = {"metadata": {"labels": labels}, "spec": deployment["spec"]["template"]["spec"]}
    metadata = {"name": CONTROL, "namespace": namespace}
    port = container["ports"][0]["containerPort"]
    parent = dict(zip(("namespace", "name"), gateway, strict=True))
    rule = {"backendRefs": [{"name": CONTROL, "port": 80}]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": port}]},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": metadata,
            "spec": {"parentRefs": [parent], "hostnames": [host], "rules": [rule]},
        },
    ]


def _by_chance(failed: int, requests: int, beside: int, requests_beside: int) -> float:
    """How likely so many of all failures are among so many of all requests, or more, if both fail alike.

    Given their sum, the failures of one of two Poisson counts are binomial: Przyborowski and Wilenski (1940),
    "Homogeneity of results in testing samples from Poisson series".
    """
    share = requests / (requests + requests_beside)
    together = failed + beside
    return sum(comb(together, k) * share**k * (1 - share) ** (together - k) for k in range(failed, together + 1))
