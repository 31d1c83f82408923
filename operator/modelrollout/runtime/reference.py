"""The options in docs/options.md, generated from the settings: `python -m modelrollout.runtime.reference --help`."""

import json
import sys
from typing import Any

from pydantic.fields import FieldInfo

from modelrollout.api.generated import main
from modelrollout.runtime.settings import ENVIRONMENT_PREFIX, OperatorSettings, option

_INTRODUCTION = """\
<!-- Generated from the operator's settings by `python -m modelrollout.runtime.reference`. Do not edit. -->
# Options of the operator

Every option is a flag of `modelrollout-operator` and an environment variable; the flag comes first. The chart sets
most of them from its values, `extraArgs` and `extraEnv` take the others.

| flag | environment variable | default | meaning |
|---|---|---|---|
"""


def render() -> str:
    """The table of options as the text of a Markdown file."""
    return _INTRODUCTION + "".join(_row(name, field) for name, field in OperatorSettings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    flag = f"--no-{option(name)[2:]}" if field.default is True else option(name)
    default = "required" if field.is_required() else _default(field.default)
    return f"| `{flag}` | `{ENVIRONMENT_PREFIX}{name.upper()}` | {default} | {field.description} |\n"


def _default(value: Any) -> str:
    if value in (None, "", ()):
        return ""
    text = json.dumps(value) if isinstance(value, bool) else ",".join(value) if isinstance(value, tuple) else value
    return f"`{text}`"


if __name__ == "__main__":
    sys.exit(main("docs/options.md", render, __doc__))
