"""The CRD and the field reference as they are committed, and the CRD by the rules of Kubernetes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrollout.api import crd, generated, reference

ROOT = Path(__file__).parents[3]

Schema = dict[str, Any]

# https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions, structural schemas
KEYWORDS = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """All schemas in a schema, with the path of what they describe."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for keyword, below in (("items", "[]"), ("additionalProperties", "[]")):
        if keyword in schema:
            yield from walk(schema[keyword], path + below)


SCHEMA = crd.custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
EVERYTHING = list(walk(SCHEMA))
SPEC = list(walk(SCHEMA["properties"]["spec"], ".spec"))


def offenders(schemas: list[tuple[str, Schema]], wrong: Callable[[Schema], object]) -> list[str]:
    return [path for path, schema in schemas if wrong(schema)]


@pytest.mark.parametrize(
    ("path", "render"),
    [("crds/modelrollout.io_modelrollouts.yaml", crd.render), ("docs/api.md", reference.render)],
)
def test_the_committed_file_is_what_the_models_give(path: str, render: Callable[[], str]) -> None:
    assert (ROOT / path).read_text() == render()


def test_the_check_fails_on_a_difference_and_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    arguments = [str(file), "--check"]
    assert generated.main("unused", lambda: "new\n", "", arguments) == 1
    generated.main("unused", lambda: "old\n", "", [str(file)])
    assert generated.main("unused", lambda: "old\n", "", arguments) == 0
    capsys.readouterr()
    assert generated.main("unused", lambda: "new\n", "", arguments) == 1
    assert capsys.readouterr().out.endswith("-old\n+new\n")


def test_only_keywords_of_structural_schemas_are_used() -> None:
    assert not {path: keys for path, schema in EVERYTHING if (keys := schema.keys() - KEYWORDS)}


def test_everything_has_a_type() -> None:
    assert not offenders(EVERYTHING, lambda s: "type" not in s and not s.get("x-kubernetes-int-or-string"))


def test_objects_have_either_named_members_or_values_of_one_type_or_anything() -> None:
    kinds = ("properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields")
    assert not offenders(EVERYTHING, lambda s: s.get("type") == "object" and sum(kind in s for kind in kinds) != 1)


def test_every_field_of_spec_and_status_is_described_but_those_that_core_describes() -> None:
    cores = (".spec.serving.podTemplate.spec", ".spec.serving.env[].valueFrom")
    undescribed = {
        f"{path}.{name}"
        for path, schema in EVERYTHING
        for name, field in schema.get("properties", {}).items()
        if not field.get("description", "").endswith((".", "`")) and not path.startswith(cores)
    }
    assert undescribed == {".apiVersion", ".kind", ".metadata", ".metadata.name"}


def test_all_that_a_rule_may_look_at_is_bounded() -> None:
    # The API server refuses a CRD whose rules could cost too much.
    assert not offenders(SPEC, lambda s: s.get("type") == "array" and "maxItems" not in s)
    assert not offenders(SPEC, lambda s: "additionalProperties" in s and "maxProperties" not in s)
    assert not offenders(
        SPEC, lambda s: "x-kubernetes-validations" in s and s.get("type") == "string" and "maxLength" not in s
    )


def test_every_rule_says_what_is_allowed() -> None:
    rules = [rule for _, schema in EVERYTHING for rule in schema.get("x-kubernetes-validations", ())]
    assert rules
    assert all(rule["message"].isprintable() and len(rule["message"]) < 200 for rule in rules)


def test_a_default_in_an_object_applies_even_if_the_object_is_absent() -> None:
    # The ramp excludes the steps, so it must not appear by itself; nor must a phase that nobody asked for, nor members
    # of a union.
    optional = {
        ".spec.strategy.ramp",
        ".spec.strategy.shadow",
        ".spec.baseline.service",
        *(
            f".spec.gates[].{kind}"
            for kind in ("errorRate", "latency", "mean", "drift", "query", "restarts", "quality")
        ),
    }
    without = {
        f"{path}.{name}"
        for path, schema in SPEC
        for name, field in schema.get("properties", {}).items()
        if any("default" in member for member in field.get("properties", {}).values())
        and "default" not in field
        and name not in schema.get("required", ())
    }
    assert without == optional


def test_the_status_has_no_defaults() -> None:
    assert not offenders(list(walk(SCHEMA["properties"]["status"])), lambda s: "default" in s)


def test_keys_of_lists_are_required_members() -> None:
    keyed = [schema for _, schema in EVERYTHING if schema.get("x-kubernetes-list-type") == "map"]
    assert keyed
    assert all(set(schema["x-kubernetes-list-map-keys"]) <= set(schema["items"]["required"]) for schema in keyed)


def test_a_client_side_apply_of_the_crd_fits_into_its_annotation() -> None:
    assert len(json.dumps(crd.custom_resource_definition())) < 256 * 1024
