"""Manifests that people might write, right ones and wrong ones: valid manifests with a few mutations, from a seed."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.cluster.manifest_cases import Manifest, changed, load

Path = tuple[str | int, ...]

_TABLE = load("generated.yaml")
_VALUES: dict[str, list[Any]] = {field: row["values"] for row in _TABLE["fields"] for field in row["of"]}
_PODS: dict[str, list[Any]] = {field: row["values"] for row in _TABLE["pods"] for field in row["of"]}


def _nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [{"a": value}]
    return value


_ANYWHERE: list[Any] = [*_TABLE["anywhere"], "x" * 5000, "(" * 300, 10**30, 2**63, _nested(50)]


def manifests(seed: int, count: int) -> Iterator[Manifest]:
    """`count` manifests, always the same ones for a seed. Most are right but for one or two things, some are right."""
    choose = random.Random(seed)
    bases = [load("complete.yaml"), load("smallest.yaml"), *map(changed, load("accepted.yaml"))]
    for index in range(count):
        manifest = copy.deepcopy(choose.choice(bases[:2] if index % 2 else bases))
        for _ in range(choose.choice((1, 1, 1, 2))):
            choose.choice(_MUTATIONS)(manifest, choose)
        yield manifest


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


def _parent(manifest: Manifest, path: Path) -> Any:
    value: Any = manifest
    for key in path[:-1]:
        value = value[key]
    return value


def _any_path(
    manifest: Manifest, choose: random.Random, wanted: Callable[[Path], bool] = lambda path: True
) -> Path | None:
    found = [path for path in _paths(manifest) if path[0] == "spec" and len(path) > 1 and wanted(path)]
    return choose.choice(found) if found else None


def _known_value(manifest: Manifest, choose: random.Random) -> None:
    """Another value that the field might be given."""
    if path := _any_path(manifest, choose, lambda path: path[-1] in _VALUES):
        _parent(manifest, path)[path[-1]] = copy.deepcopy(choose.choice(_VALUES[str(path[-1])]))


def _odd_value(manifest: Manifest, choose: random.Random) -> None:
    if path := _any_path(manifest, choose):
        _parent(manifest, path)[path[-1]] = copy.deepcopy(choose.choice(_ANYWHERE))


def _without(manifest: Manifest, choose: random.Random) -> None:
    if path := _any_path(manifest, choose):
        del _parent(manifest, path)[path[-1]]


def _renamed(manifest: Manifest, choose: random.Random) -> None:
    if path := _any_path(manifest, choose, lambda path: isinstance(path[-1], str)):
        key = str(path[-1])
        name = choose.choice((key.lower(), key + "s", key.upper(), "x", key[:-1], key.replace("m", "n")))
        parent = _parent(manifest, path)
        parent[name] = parent.pop(key)


def _repeated(manifest: Manifest, choose: random.Random) -> None:
    if path := _any_path(manifest, choose, lambda path: isinstance(path[-1], int)):
        parent = _parent(manifest, path)
        parent.insert(choose.randrange(len(parent) + 1), copy.deepcopy(parent[int(path[-1])]))


def _moved(manifest: Manifest, choose: random.Random) -> None:
    """What stands in one place in another place too."""
    source, target = _any_path(manifest, choose), _any_path(manifest, choose)
    if source and target:
        _parent(manifest, target)[target[-1]] = copy.deepcopy(_parent(manifest, source)[source[-1]])


def _misspelt(manifest: Manifest, choose: random.Random) -> None:
    if path := _any_path(manifest, choose, lambda path: True):
        parent = _parent(manifest, path)
        text = parent[path[-1]]
        if isinstance(text, str) and text:
            at = choose.randrange(len(text))
            parent[path[-1]] = (
                text[:at] + choose.choice(("", " ", "A", "-", ".", "0", "%", "\n", "(", "\\", "é")) + text[at + 1 :]
            )


def _pod(manifest: Manifest, choose: random.Random) -> None:
    """Something in the pod template."""
    spec = manifest.setdefault("spec", {})
    serving = spec.setdefault("serving", {}) if isinstance(spec, dict) else None
    template = serving.setdefault("podTemplate", {}) if isinstance(serving, dict) else None
    pod = template.setdefault("spec", {}) if isinstance(template, dict) else None
    if isinstance(pod, dict):
        field = choose.choice(list(_PODS))
        pod[field] = copy.deepcopy(choose.choice(_PODS[field]))


def _added(manifest: Manifest, choose: random.Random) -> None:
    """A field that is absent."""
    serving = manifest["spec"].setdefault("serving", {}) if isinstance(manifest.get("spec"), dict) else None
    if isinstance(serving, dict):
        field = choose.choice(("env", "resources", "drain", "progressDeadline", "port", "replicas"))
        serving[field] = copy.deepcopy(choose.choice(_VALUES[field]))
        if choose.random() < 0.5:
            template = serving.setdefault("podTemplate", {})
            if isinstance(template, dict):
                part = choose.choice(("labels", "annotations"))
                template["metadata"] = {part: copy.deepcopy(choose.choice(_VALUES[part]))}


_MUTATIONS: tuple[Callable[[Manifest, random.Random], None], ...] = (
    *4 * (_known_value,),
    *2 * (_pod,),
    _added,
    _misspelt,
    _moved,
    _odd_value,
    _renamed,
    _repeated,
    _without,
)
