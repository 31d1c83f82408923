"""Whether an object already is what an apply would make of it.

By what the API server remembers of server-side apply: the fields that a manager has set, in `metadata.managedFields`
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management). So nothing has to be remembered,
and neither a restart nor an upgrade of the operator writes what is there already.
"""

import json
from collections.abc import Mapping
from typing import Any

from modelrollout.ports import FIELD_MANAGER, Manifest
from modelrollout_contract.objects import GROUP

# Not set by an apply, or compared in a way of their own.
_IDENTITY = frozenset({"apiVersion", "kind", "metadata", "status"})


def is_as_desired(observed: Manifest, desired: Manifest) -> bool:
    """Whether an apply of `desired` would change nothing that the operator cares for.

    Every field of `desired` must be there with its value, and no field that an earlier apply has set may be left over.
    Of the metadata count the owner and what is in the group of the operator: policies may rewrite other labels. False
    where it cannot be known, as of an object whose managed fields were stripped.
    """
    fields = _fields_set(observed)
    if fields is None or not has_own_metadata(observed, desired):
        return False
    names = (set(desired) | {key.removeprefix("f:") for key in fields}) - _IDENTITY
    return all(
        _contains(observed.get(name), desired.get(name)) and _covers(desired.get(name), fields.get(f"f:{name}", {}))
        for name in names
    )


def has_own_metadata(observed: Manifest, desired: Manifest) -> bool:
    """Whether the labels and annotations by which objects and versions are found are as desired."""
    return all(
        observed["metadata"].get(part, {}).get(key) == value
        for part in ("labels", "annotations")
        for key, value in desired["metadata"].get(part, {}).items()
        if key.startswith(f"{GROUP}/")
    )


def _fields_set(observed: Manifest) -> Mapping[str, Any] | None:
    for entry in observed["metadata"].get("managedFields", ()):
        if (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply") and not entry.get("subresource"):
            fields: Mapping[str, Any] = entry.get("fieldsV1", {})
            return fields
    return None


def _contains(live: Any, wanted: Any) -> bool:
    """Whether `live` has all of `wanted`. The API server adds defaults to objects, but no items to lists of ours."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(_contains(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_contains(*pair) for pair in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


def _covers(wanted: Any, fields: Mapping[str, Any]) -> bool:
    """Whether every field in a part of `fieldsV1` is one of `wanted`."""
    return all(_covers_one(wanted, key, below) for key, below in fields.items())


def _covers_one(wanted: Any, key: str, below: Mapping[str, Any]) -> bool:
    sort, _, name = key.partition(":")
    if sort == "f":
        return isinstance(wanted, Mapping) and name in wanted and _covers(wanted[name], below)
    if sort == "k" and isinstance(wanted, list):
        keys = json.loads(name).items()
        # A key may have been left to its default.
        items = (item for item in wanted if isinstance(item, Mapping) and all(item.get(k, v) == v for k, v in keys))
        return any(_covers(item, below) for item in items)
    if sort == "v" and isinstance(wanted, list):
        return json.loads(name) in wanted
    # "." is the object itself; an index ("i:") is of no list that the operator writes.
    return sort == "."
