"""From recorded changes of objects to what traffic and pods were like after each of them.

Pure: the same recording gives the same frames. A version is known by its hash, which the labels of its Deployment and
pods have, and which the name of its Service, the backend in the route, ends with.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from modelrollout_contract.objects import ROLLOUT_LABEL, VERSION_LABEL
from modelrollout_testkit.changes import Change, Object


@dataclass(frozen=True, slots=True)
class Frame:
    """One ModelRollout's objects from `at` (seconds since the epoch) on, until the next frame.

    weights: in the route as it is written. accepted: in the route as each gateway has accepted it last.
    ready: number of ready pods by version; versions without any are left out.
    deployments: that exist and are to stay, with the pods that each asks for.
    drain: seconds for which a version's pods must outlast its weight; None while there is no ModelRollout.
    status: of the ModelRollout.
    """

    at: float
    weights: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, int] = field(default_factory=dict)
    ready: Mapping[str, int] = field(default_factory=dict)
    deployments: Mapping[str, int] = field(default_factory=dict)
    drain: float | None = None
    status: Object = field(default_factory=dict)


def frames(changes: Iterable[Change], rollout: str) -> Iterator[Frame]:
    """What the objects of the ModelRollout `rollout` of one namespace were like after each change of one of them.

    changes: of ModelRollouts, HTTPRoutes, Deployments and Pods, in any order.
    """
    fold = _Fold()
    frame = Frame(0)
    for change in sorted(changes, key=lambda change: change.at):
        if _belongs(change.object, rollout):
            now = replace(fold.take(change, frame), at=change.at)
            if replace(now, at=frame.at) != frame:
                frame = now
                yield frame


class _Fold:
    """What must be remembered between frames: pods one by one, and routes until they are accepted."""

    def __init__(self) -> None:
        self._pods: dict[str, tuple[str, bool]] = {}
        self._written: dict[int, Mapping[str, int]] = {}

    def take(self, change: Change, frame: Frame) -> Frame:
        one, gone = change.object, change.deleted
        match one["kind"]:
            case "ModelRollout":
                drain = None if gone or _ends(one) else seconds(one["spec"].get("serving", {}).get("drain", "30s"))
                return replace(frame, drain=drain, status={} if gone else one.get("status", {}))
            case "HTTPRoute":
                return self._route(one, gone, frame)
            case "Deployment":
                others = {version: pods for version, pods in frame.deployments.items() if version != _version(one)}
                kept = {} if gone or _ends(one) else {_version(one): int(one["spec"].get("replicas", 1))}
                return replace(frame, deployments=others | kept)
            case "Pod":
                return self._pod(one, gone, frame)
        return frame

    def _route(self, route: Object, gone: bool, frame: Frame) -> Frame:
        if gone:
            self._written.clear()
            return replace(frame, weights={}, accepted={})
        weights = _weights(route)
        self._written[route["metadata"]["generation"]] = weights
        accepted = self._written.get(_accepted_generation(route), frame.accepted)
        return replace(frame, weights=weights, accepted=accepted)

    def _pod(self, pod: Object, gone: bool, frame: Frame) -> Frame:
        if gone:
            self._pods.pop(_name(pod), None)
        else:
            self._pods[_name(pod)] = (_version(pod), _is_ready(pod) and not _ends(pod))
        ready = [version for version, is_ready in self._pods.values() if is_ready]
        return replace(frame, ready={version: ready.count(version) for version in ready})


def seconds(duration: str) -> float:
    """`1m30s` in seconds."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9]+)([a-z]+)", duration))


def _belongs(one: Object, rollout: str) -> bool:
    if one["kind"] == "ModelRollout":
        return _name(one) == rollout
    labels: Mapping[str, str] = one["metadata"].get("labels", {})
    return labels.get(ROLLOUT_LABEL) == rollout


def _name(one: Object) -> str:
    name: str = one["metadata"]["name"]
    return name


def _ends(one: Object) -> bool:
    return "deletionTimestamp" in one["metadata"]


def _version(one: Object) -> str:
    version: str = one["metadata"].get("labels", {}).get(VERSION_LABEL, "")
    return version


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _weights(route: Object) -> dict[str, int]:
    weights: dict[str, int] = {}
    for rule in route["spec"].get("rules", ()):
        for backend in rule.get("backendRefs", ()):
            version = backend["name"].rpartition("-")[2]
            weights[version] = max(weights.get(version, 0), backend.get("weight", 1))
    return weights


def _accepted_generation(route: Object) -> int:
    """The generation that each gateway has accepted, 0 if one has not."""
    parents = route.get("status", {}).get("parents", ())
    accepted = [
        condition.get("observedGeneration", 0)
        for parent in parents
        for condition in parent.get("conditions", ())
        if condition["type"] == "Accepted" and condition["status"] == "True"
    ]
    return min(accepted) if accepted and len(accepted) == len(parents) else 0
