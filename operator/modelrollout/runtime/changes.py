"""Which events about objects are a reason to look at a ModelRollout.

Most are not: the operator's own writes come back as events, Deployments count their pods one by one, and a gateway
answers to each new weight. What is left out here is seen with the next look that is due.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelrollout.api.commands import commands_in
from modelrollout.api.status import Phase
from modelrollout.evidence.verdict import Verdict
from modelrollout.kube.cache import ObjectCache
from modelrollout.ports import DEPLOYMENT, FIELD_MANAGER, MODEL_ROLLOUT, POD, Manifest, kind_of
from modelrollout.runtime.queue import Key
from modelrollout_contract.objects import ROLLOUT_LABEL, SNAPSHOT_LABEL


@dataclass(slots=True)
class Changes:
    """Takes events into a cache, and says which ModelRollout is to be looked at because of them."""

    cache: ObjectCache
    _seen: dict[str, object] = field(default_factory=dict)

    def take(self, type_: str | None, manifest: Manifest) -> Key | None:
        """The ModelRollout that an event is a reason to look at; None if it is none.

        type_: as watches name it, None for an object of the list that a watch begins with.
        """
        metadata = manifest["metadata"]
        if SNAPSHOT_LABEL in metadata.get("labels", {}):
            # Read only where nothing else is known, and rewritten by every decision.
            return None
        if type_ == "DELETED":
            self.cache.drop(manifest)
            self._seen.pop(metadata["uid"], None)
            return _rollout(manifest)
        self.cache.put(manifest)
        news = _news(manifest)
        known = self._seen.get(metadata["uid"])
        self._seen[metadata["uid"]] = news
        key = _rollout(manifest)
        if key is None or news == known or (known is not None and self._can_wait(manifest, key)):
            return None
        return key

    def _can_wait(self, manifest: Manifest, key: Key) -> bool:
        """Whether it is a gateway's yes to new weights in mid ramp: no step waits for it."""
        answers = manifest.get("status", {}).get("parents")
        if answers is None or "deletionTimestamp" in manifest["metadata"]:
            return False
        accepted = all(item["status"] == "True" for answer in answers for item in answer.get("conditions", ()))
        rollout = self.cache.get(MODEL_ROLLOUT, key.namespace, key.name) or {}
        return accepted and rollout.get("status", {}).get("phase") == Phase.RAMPING


def may_take_traffic_away(rollout: Manifest) -> bool:
    """Whether the next decision about a ModelRollout may be that one: it has a command, is doubted, or lacks pods."""
    status = rollout.get("status", {})
    given = commands_in(rollout["metadata"].get("annotations", {}))
    if any(status.get("handled", {}).get(command) != value for command, value in given.items()):
        return True
    if any(gate.get("verdict") == Verdict.FAIL for gate in status.get("gates", ())):
        return True
    conditions = {item.get("type"): item for item in status.get("conditions", ())}
    doubted = conditions.get("Progressing", {}).get("reason") == "Doubtful"
    return bool(doubted or conditions.get("Ready", {}).get("status") == "False")


def _rollout(manifest: Manifest) -> Key | None:
    metadata = manifest["metadata"]
    name = metadata["name"] if kind_of(manifest) == MODEL_ROLLOUT else metadata.get("labels", {}).get(ROLLOUT_LABEL)
    return Key(metadata["namespace"], name) if name else None


def _news(manifest: Manifest) -> object:
    """What of an object a decision depends on and others than the operator write."""
    metadata, status = manifest["metadata"], manifest.get("status", {})
    always = metadata.get("deletionTimestamp"), metadata.get("labels")
    kind = kind_of(manifest)
    if kind == MODEL_ROLLOUT:
        return always, metadata.get("generation"), metadata.get("annotations")
    if kind == POD:
        return always, status.get("phase"), _conditions(status), tuple(map(_container, _containers(status)))
    edited = _edits_of_others(manifest)
    if kind == DEPLOYMENT:
        counts = tuple(status.get(name) for name in _COUNTS)
        return always, edited, counts, _conditions(status)
    return always, edited, tuple(_conditions(answer) for answer in status.get("parents", ()))


_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def _edits_of_others(manifest: Manifest) -> object:
    """The generation or, without one, the version of an object, if others have set fields of it; else None."""
    metadata = manifest["metadata"]
    managers = {entry.get("manager") for entry in metadata.get("managedFields", ()) if not entry.get("subresource")}
    if managers == {FIELD_MANAGER}:
        return None
    return metadata.get("generation") or metadata.get("resourceVersion")


def _conditions(status: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (item["type"], item["status"], item.get("reason", ""), item.get("message", ""))
        for item in status.get("conditions", ())
        if item["type"] != "Progressing" or item["status"] != "True"
    )


def _containers(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _container(container: Mapping[str, Any]) -> tuple[object, ...]:
    state = container.get("state", {})
    waiting, terminated = state.get("waiting", {}), state.get("terminated", {})
    return (
        container["name"],
        container.get("ready"),
        container.get("restartCount"),
        waiting.get("reason"),
        terminated.get("reason"),
    )
