"""The field reference in docs/api.md, generated from the models: `python -m modelrollout.api.reference --help`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from modelrollout.api.commands import Command
from modelrollout.api.generated import main
from modelrollout.api.rollout import KIND, VERSION, ModelRollout
from modelrollout.api.rules import VALIDATIONS
from modelrollout.api.schema import Schema, structural_schema, without_defaults
from modelrollout_contract.objects import GROUP

_COMMANDS = "\n".join(f"- `{command.annotation}`: {command.summary}" for command in Command)

_INTRODUCTION = f"""\
<!-- Generated from operator/modelrollout/api by `python -m modelrollout.api.reference`. Do not edit. -->
# {KIND}

`apiVersion: {GROUP}/{VERSION}`, namespaced, short name `mr`. `kubectl explain mr.spec` shows the same on the command
line.

Durations are written with the units ms, s, m, h and d (`1h30m`), percentages as `0.5%`. Commands are annotations of the
{KIND}, each with any value that was not used before:

{_COMMANDS}
"""

# Keywords of the least and the most that is allowed, and what they count.
_RANGES = (
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " entries"),
)


def render() -> str:
    """The field reference as the text of a Markdown file."""
    schema = structural_schema(ModelRollout)["properties"]
    sections = [*_sections("spec", schema["spec"]), *_sections("status", without_defaults(schema["status"]))]
    return "\n".join([_INTRODUCTION, *sections])


def _sections(path: str, schema: Schema) -> Iterator[str]:
    """The section of an object, and those of the objects in it."""
    yield f"## {path}\n\n{schema['description']}\n"
    if rules := [f"- {_rule_text(rule)}\n" for rule in schema.get(VALIDATIONS, ())]:
        yield "".join(rules)
    if not schema["properties"]:
        return
    yield "| Field | Type | Default | Allowed | Meaning |\n|---|---|---|---|---|"
    required = schema.get("required", ())
    below = []
    for name, field in schema["properties"].items():
        child_path, child = f"{path}.{name}", field
        if "items" in field:
            child_path, child = f"{child_path}[]", field["items"]
        kind = _type(field)
        if _is_described(child):
            kind = f"[{kind}](#{_anchor(child_path)})"
            below.append((child_path, child))
        default = "required" if name in required else _default(field)
        yield f"| `{name}` | {kind} | {default} | {_cell('; '.join(_limits(field)))} | {_cell(field['description'])} |"
    yield ""
    for child_path, child in below:
        yield from _sections(child_path, child)


def _is_described(schema: Schema) -> bool:
    """Whether it is an object of ours. What core/v1 describes is not described anew."""
    properties = schema.get("properties")
    return properties is not None and all("description" in field for field in properties.values())


def _anchor(heading: str) -> str:
    """Where Markdown renderers put a heading."""
    return "".join(character for character in heading.lower() if character.isalnum())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _type(field: Schema) -> str:
    if "items" in field:
        return f"[]{_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map[string]{_type(field['additionalProperties'])}"
    return "quantity" if "x-kubernetes-int-or-string" in field else str(field["type"])


def _default(field: Schema) -> str:
    if field.get("default") in (None, {}):
        return ""
    return "`" + json.dumps(field["default"]).strip('"') + "`"


def _limits(field: Schema) -> Iterator[str]:
    """What is allowed in a field, in several parts."""
    if "enum" in field:
        yield ", ".join(f"`{value}`" for value in field["enum"])
    for least, most, unit in _RANGES:
        if most in field:
            yield f"{field.get(least, 0)} to {field[most]}{unit}"
    values: Schema = field.get("items") or field.get("additionalProperties") or field
    if "properties" not in values:
        yield from (rule["message"].removeprefix("must be ") for rule in values.get(VALIDATIONS, ()))


def _rule_text(rule: dict[str, Any]) -> str:
    field = rule.get("fieldPath", "").removeprefix(".")
    message: str = rule["message"]
    return f"`{field}`: {message}" if field else message


if __name__ == "__main__":
    sys.exit(main("docs/api.md", render, __doc__))
