"""YAML as `kubectl` reads it (sigs.k8s.io/yaml over go-yaml v2), where PyYAML reads it differently."""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

# What aliases may make of a document; more is an attack or a mistake.
_MOST_NODES = 100_000
_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBERS = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_LARGEST_WRITTEN_OUT = 1e21
_MERGE = "tag:yaml.org,2002:merge"
_BASES = {"0b": 2, "0o": 8, "0x": 16}


class KubernetesLoader(yaml.SafeLoader):
    """Reads scalars as go-yaml does, keys as text, and refuses an object that has a field twice."""

    yaml_implicit_resolvers: dict[str, Any] = {"<": [(_MERGE, re.compile("<<$"))]}  # noqa: RUF012  # as PyYAML has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        own = [(key, self._key(key)) for key, _ in node.value if key.tag != _MERGE]
        for index, (key_node, key) in enumerate(own):
            if any(key == earlier for _, earlier in own[:index]):
                raise yaml.constructor.ConstructorError(None, None, f"field {key} is there twice", key_node.start_mark)
        self.flatten_mapping(node)
        return {self._key(key): self.construct_object(value, deep=deep) for key, value in node.value}

    def _key(self, node: yaml.Node) -> str:
        """A field's name. Raises ConstructorError for what cannot be one."""
        match self.construct_object(node, deep=True):
            case str(name):
                return name
            case bool(value):
                return "true" if value else "false"
            case int() | float() as number:
                return f"{number:g}" if isinstance(number, float) else str(number)
            case _:
                raise yaml.constructor.ConstructorError(None, None, "a field has no name", node.start_mark)


def documents(data: bytes) -> Iterator[tuple[yaml.Node, Any]]:
    """The documents of a YAML file: their nodes, which know their lines, and what they hold.

    Raises yaml.YAMLError, ValueError, or RecursionError for what is nested too deeply.
    """
    loader = KubernetesLoader(data)
    while loader.check_node():
        node = loader.get_node()
        assert node is not None
        if _size(node, {}) > _MOST_NODES:
            raise ValueError("its aliases make more of it than anybody reads")
        yield node, loader.construct_document(node)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are once the aliases are written out."""
    if id(node) not in known:
        # An alias to what it is in would go on for ever.
        known[id(node)] = _MOST_NODES + 1
        below = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _scalar(loader: KubernetesLoader, node: yaml.ScalarNode) -> Any:
    """A plain scalar, by go-yaml's rules (resolve.go)."""
    text = node.value
    if node.style is not None:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", ""))
    if text in _NO_NUMBERS:
        return _NO_NUMBERS[text]
    return _number(text) if _FLOAT.fullmatch(text) else text


def _number(text: str) -> float | int:
    number = float(text)
    # On its way to the API server, as JSON, 3e3 becomes 3000.
    return int(number) if abs(number) < _LARGEST_WRITTEN_OUT and number.is_integer() else number


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits[:2] in _BASES:
        return sign * int(digits[2:], _BASES[digits[:2]])
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


# Whatever has no quotes and no tag comes here.
KubernetesLoader.add_constructor("tag:yaml.org,2002:str", _scalar)
