"""ModelRollouts in YAML files, and what is wrong with them, by line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import KIND, ModelRollout
from modelrollout.offline.errors import OfflineError
from modelrollout.offline.yaml_loader import documents
from modelrollout_contract.objects import GROUP


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a file. `line` counts from 1; `field` is empty if it is not about one."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"{self.file}:{self.line}", self.field, self.message)))


@dataclass(frozen=True, slots=True)
class Checked:
    """The ModelRollouts of a file that are right, and everything that is wrong with the others."""

    rollouts: tuple[ModelRollout, ...]
    findings: tuple[Finding, ...]


def check(file: str, data: bytes) -> Checked:
    """Read a YAML file as strictly as `kubectl apply` does. Objects of other kinds in it are passed over."""
    rollouts: list[ModelRollout] = []
    findings: list[Finding] = []
    try:
        for node, content in (found for document in documents(data) for found in _objects(*document)):
            # The API server drops the status of what is applied unread.
            applied = {key: value for key, value in content.items() if key != "status"}
            parsed = parse_rollout(applied, strict=True)
            if isinstance(parsed, ModelRollout):
                rollouts.append(parsed)
            else:
                findings += (Finding(file, line_of(p.field, node), p.field, p.message) for p in parsed)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.append(Finding(file, mark.line + 1 if mark else 1, "", f"is no YAML: {error.problem}"))
    except RecursionError:
        findings.append(Finding(file, 1, "", "is no YAML: it is nested too deeply"))
    except (yaml.YAMLError, ValueError) as error:
        findings.append(Finding(file, 1, "", f"is no YAML: {error}"))
    if not rollouts and not findings:
        findings.append(Finding(file, 1, "", "holds no ModelRollout"))
    return Checked(tuple(rollouts), tuple(findings))


def read_rollout(path: Path) -> ModelRollout:
    """The one ModelRollout of a file. Raises OfflineError with everything that is wrong with it."""
    checked = check(str(path), path.read_bytes())
    if checked.findings:
        raise OfflineError("\n".join(map(str, checked.findings)))
    if len(checked.rollouts) > 1:
        raise OfflineError(f"{path} holds {len(checked.rollouts)} ModelRollouts, one is needed")
    return checked.rollouts[0]


def line_of(field: str, node: yaml.Node) -> int:
    """The line, from 1, of a field like `spec.gates[1].name`; that of the nearest parent if it is absent."""
    line = node.start_mark.line
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == name), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line, entry[1]
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            node = node.value[int(index)]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _objects(node: yaml.Node, content: Any) -> Iterator[tuple[yaml.Node, Any]]:
    """The ModelRollouts in a document: itself, or the items of a List, as `kubectl get` prints several."""
    if _is_ours(content):
        yield node, content
    elif isinstance(content, dict) and content.get("kind") == "List" and isinstance(node, yaml.MappingNode):
        items = next((value for key, value in node.value if key.value == "items"), None)
        if isinstance(items, yaml.SequenceNode) and isinstance(content.get("items"), list):
            for child, item in zip(items.value, content["items"], strict=True):
                yield from _objects(child, item)


def _is_ours(content: Any) -> bool:
    """Whether an object is a ModelRollout, or was meant to be one."""
    if not isinstance(content, dict):
        return False
    return content.get("kind") == KIND or str(content.get("apiVersion", "")).startswith(f"{GROUP}/")
