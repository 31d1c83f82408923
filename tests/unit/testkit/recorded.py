"""Changes of the objects of one ModelRollout, `digits`, whose versions are `old` and `new`, as a watch tells them."""

from collections.abc import Mapping

from modelrollout_contract.objects import ROLLOUT_LABEL, VERSION_LABEL
from modelrollout_testkit.changes import Change, Object

ROLLOUT = "digits"
OLD, NEW = "old", "new"
READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving", "message": "digits:v1 serves"}]}


def named(kind: str, name: str, version: str = "") -> Object:
    labels = {ROLLOUT_LABEL: ROLLOUT} | ({VERSION_LABEL: version} if version else {})
    return {"kind": kind, "metadata": {"name": name, "labels": labels}}


def rollout(at: float, status: Object = READY, drain: str = "10s", deleted: bool = False) -> Change:
    one = named("ModelRollout", ROLLOUT) | {"spec": {"serving": {"drain": drain}}, "status": status}
    return Change(at, deleted, one)


def deployment(at: float, version: str, replicas: int = 1, deleted: bool = False) -> Change:
    one = named("Deployment", f"{ROLLOUT}-{version}", version) | {"spec": {"replicas": replicas}}
    return Change(at, deleted, one)


def pod(at: float, version: str, ready: bool = True, number: int = 1, deleted: bool = False) -> Change:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    one = named("Pod", f"{ROLLOUT}-{version}-{number}", version) | {"status": {"conditions": [condition]}}
    return Change(at, deleted, one)


def route(at: float, weights: Mapping[str, int], generation: int, accepted: int | None = None) -> Change:
    """A route that the gateway has accepted in the generation `accepted`, if any."""
    backends = [{"name": f"{ROLLOUT}-{version}", "weight": weight} for version, weight in weights.items()]
    one = named("HTTPRoute", ROLLOUT) | {"spec": {"rules": [{"backendRefs": backends}]}}
    one["metadata"]["generation"] = generation
    if accepted is not None:
        condition = {"type": "Accepted", "status": "True", "observedGeneration": accepted}
        one["status"] = {"parents": [{"conditions": [condition]}]}
    return Change(at, False, one)


def serving() -> list[Change]:
    """`old` has all traffic, and `new` its pods."""
    return [
        rollout(0),
        deployment(1, OLD),
        pod(5, OLD),
        route(10, {OLD: 100}, 1),
        route(11, {OLD: 100}, 1, 1),
        deployment(20, NEW),
        pod(25, NEW),
    ]
