"""Merge what a user wrote over a generated pod template.

A small part of Kubernetes' strategic merge: objects merge key by key, null removes a key, lists of named
things merge by name, other lists are replaced. See "Update API Objects in Place Using kubectl patch" in the
Kubernetes documentation.
"""

from collections.abc import Mapping
from typing import Any

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}

# Items of these lists are a name and one of several alternatives: merging two of them would set both.
_REPLACED_ITEMS = frozenset({"env", "volumes"})

_HANDLERS = frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"})


class NotMergeable(ValueError):
    """A list of named things in which one has no usable name. The text is meant for a person."""


def merge(base: Any, override: Any, key: str = "") -> Any:
    """`override` merged over `base`, both JSON values found under `key`. Neither is changed.

    Raises NotMergeable.
    """
    if isinstance(override, Mapping):
        return _merge_objects(base if isinstance(base, Mapping) else {}, override)
    if key in _MERGE_KEYS and _is_list_of_objects(base) and _is_list_of_objects(override):
        return _merge_lists(base, override, key)
    return override


def _merge_objects(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    if not _HANDLERS.isdisjoint(override):
        # A probe or a lifecycle hook has exactly one handler.
        for handler in _HANDLERS.difference(override):
            merged.pop(handler, None)
    for key, value in override.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value, key)
    return merged


def _merge_lists(base: list[Any], override: list[Any], key: str) -> list[Any]:
    merge_key = _MERGE_KEYS[key]
    merged = list(base)
    position = {item.get(merge_key): index for index, item in enumerate(base)}
    for item in override:
        if not isinstance(item.get(merge_key), str | int):
            raise NotMergeable(f"{key}: each must have a {merge_key} that is a text or a number")
        index = position.get(item.get(merge_key))
        if index is None:
            merged.append(item)
        else:
            merged[index] = item if key in _REPLACED_ITEMS else merge(merged[index], item)
    return merged


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
