"""What the parents of a Gateway API route have said about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.traffic import ParentReference
from modelrollout.ports import Manifest

_GATEWAY_KIND = "Gateway"
_CONDITIONS = ("Accepted", "ResolvedRefs")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The parent carries the route as it is now, and its backends are there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The parent has said no to the route as it is now. `why` is for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The parent has answered to an earlier generation of the route only."""


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """No controller has ever said anything about the route for that parent."""


Answer = Accepted | Refused | Unanswered | Unclaimed


def answer(route: Manifest, parent: ParentReference) -> Answer:
    """What one parent says about the current generation of a route."""
    home = route["metadata"]["namespace"]
    found = [
        _answer(status, route["metadata"]["generation"])
        for status in route.get("status", {}).get("parents", ())
        if _is_about(status["parentRef"], parent, home)
    ]
    return _strongest(found)


def accepted_references(route: Manifest) -> list[Mapping[str, Any]]:
    """References to the parents that have accepted the route in any of its generations."""
    return [
        status["parentRef"]
        for status in route.get("status", {}).get("parents", ())
        if any(item["type"] == "Accepted" and item["status"] == "True" for item in status.get("conditions", ()))
    ]


def _strongest(answers: Sequence[Answer]) -> Answer:
    """A controller that was in charge earlier may have left an answer behind: one that accepts is enough."""
    for kind in (Accepted, Refused, Unanswered):
        if found := next((each for each in answers if isinstance(each, kind)), None):
            return found
    return Unclaimed()


def _answer(status: Mapping[str, Any], generation: int) -> Answer:
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    found = [conditions.get(kind, {}) for kind in _CONDITIONS]
    if any(condition.get("observedGeneration") != generation for condition in found):
        return Unanswered()
    refusal = next((condition for condition in found if condition["status"] != "True"), None)
    if refusal is None:
        return Accepted()
    return Refused(f"{refusal['type']} is {refusal['status']}: {refusal['reason']}: {refusal.get('message', '')}")


def _is_about(reference: Mapping[str, Any], parent: ParentReference, home: str) -> bool:
    return (
        reference.get("kind", _GATEWAY_KIND) == _GATEWAY_KIND
        and reference["name"] == parent.name
        and reference.get("namespace", home) == (parent.namespace or home)
        and reference.get("sectionName") == parent.section_name
    )
