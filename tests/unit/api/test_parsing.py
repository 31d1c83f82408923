"""What our own checks say of manifests, without an API server."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.manifest_cases import cases, changed, load

from modelrollout.api.parsing import parse_rollout, parse_status
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
)


def problems(manifest: Any) -> list[Problem]:
    parsed = parse_rollout(manifest, strict=True)
    assert isinstance(parsed, list), "there is nothing wrong with it"
    return parsed


def rollout(manifest: Any) -> ModelRollout:
    parsed = parse_rollout(manifest, strict=True)
    assert isinstance(parsed, ModelRollout), parsed
    return parsed


@pytest.mark.parametrize("case", cases("refused.yaml"))
def test_a_wrong_field_is_named_offline_as_the_api_server_names_it(case: dict[str, Any]) -> None:
    found = problems(changed(case))
    # Only the API server tells keys of maps from fields of objects.
    field = re.sub(r"\[([a-z]+)\]", r".\1", case["field"])
    assert field in {problem.field for problem in found}
    assert any(case.get("offline", case["says"]) in problem.message for problem in found if problem.field == field)


@pytest.mark.parametrize("case", cases("accepted.yaml"))
def test_nothing_is_wrong_with_a_manifest_that_the_api_server_accepts(case: dict[str, Any]) -> None:
    rollout(changed(case))


def test_every_field_of_a_complete_manifest_is_understood() -> None:
    manifest = load("complete.yaml")
    assert rollout(manifest).manifest()["spec"].keys() == manifest["spec"].keys()


def test_all_problems_are_found_at_once() -> None:
    manifest = changed({"spec": {"serving": {"replicas": 0, "drain": "soon"}, "gates": [{"name": "errors"}]}})
    assert [problem.field for problem in problems(manifest)] == [
        "spec.serving.replicas",
        "spec.serving.drain",
        "spec.gates[0]",
    ]


@pytest.mark.parametrize("field", ["replicas", "port"])
def test_what_the_api_server_takes_for_no_integer_is_none(field: str) -> None:
    [problem] = problems(changed({"spec": {"serving": {field: 3.0}}}))
    assert (problem.field, problem.message) == (f"spec.serving.{field}", "must be an integer")


def test_several_broken_rules_of_one_object_are_told_one_by_one() -> None:
    query = {"expression": "up{release='{{release}}'}"}
    manifest = changed({"spec": {"gates": [{"name": "queue", "query": query}]}})
    assert [str(problem) for problem in problems(manifest)] == [
        "spec.gates[0].query: at least one of max, min, maxIncrease and maxRatio must be set",
        "spec.gates[0].query.expression: must contain {{pods}}, which stands for the pods of the version that is "
        "evaluated",
        "spec.gates[0].query.expression: may use no other placeholders than {{pods}} and {{namespace}}",
    ]


def test_a_deadline_that_the_steps_cannot_meet_is_a_problem() -> None:
    steps = [{"weight": 5, "hold": "12h"}, {"weight": 50, "hold": "12h"}]
    assert problems(changed({"spec": {"strategy": {"steps": steps}}})) == [
        Problem("spec.strategy.deadline.after", "must be longer than the steps hold together")
    ]
    rollout(changed({"spec": {"strategy": {"steps": steps, "deadline": {"after": "2d"}}}}))


def test_a_fixed_figure_that_no_challenger_can_meet_is_a_problem() -> None:
    spec = {
        "baseline": {"fixed": {"errors": "1%"}},
        "gates": [{"name": "errors", "errorRate": {"minImprovement": "1%"}}],
    }
    assert [problem.field for problem in problems(changed({"spec": spec}))] == ["spec.baseline.fixed"]


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ('sum(rate(x{pod=~"{{pods}}"}[1m])', "a ( is never closed"),
        ('x{pod=~"{{pods}}"})', "a ) closes nothing"),
        ('x{pod=~"{{pods}}"}[1m)', "a ) closes nothing"),
        ('x{pod=~"{{pods}}}', 'a " is never closed'),
        ("x{pod=~`{{pods}}}", "a ` is never closed"),
    ],
)
def test_promql_that_is_not_closed_is_a_problem(expression: str, fault: str) -> None:
    query = {"expression": expression, "max": 1}
    assert problems(changed({"spec": {"gates": [{"name": "queue", "query": query}]}})) == [
        Problem("spec.gates[0].query.expression", f"must be PromQL, but {fault}")
    ]


@pytest.mark.parametrize(
    "expression",
    [
        'sum(rate(x{pod=~"{{pods}}"}[1m])) / sum(rate(y{pod=~"{{pods}}"}[1m]))',
        'x{pod=~"{{pods}}", path!~"/a[(]b"}',
        r'x{pod=~"{{pods}}", path="say \"(\" "}',
        "x{pod=~'{{pods}}', path=`\\`}",
        'x{pod=~"{{pods}}"} # what is (not yet) closed [',
        'x # (\n{pod=~"{{pods}}"}',
    ],
)
def test_brackets_in_strings_and_comments_of_promql_do_not_count(expression: str) -> None:
    rollout(changed({"spec": {"gates": [{"name": "queue", "query": {"expression": expression, "max": 1}}]}}))


def test_a_null_is_a_field_that_is_absent() -> None:
    spec = {"serving": None, "strategy": {"steps": None, "holdBack": {"percent": None}}}
    manifest = load("smallest.yaml")
    assert rollout(manifest | {"spec": manifest["spec"] | spec}).spec == rollout(manifest).spec


def test_a_null_in_the_pod_template_is_kept_because_it_removes_a_field() -> None:
    manifest = load("smallest.yaml")
    manifest["spec"]["serving"] = {"podTemplate": {"spec": {"securityContext": None}}}
    assert rollout(manifest).spec.serving.pod_template.spec == {"securityContext": None}


def test_metadata_that_the_operator_does_not_read_is_no_problem() -> None:
    manifest = load("smallest.yaml")
    manifest["metadata"] |= {"finalizers": ["x"], "managedFields": [{"manager": "kubectl"}], "uid": "1-2-3"}
    assert rollout(manifest).metadata.uid == "1-2-3"


def test_names_of_python_attributes_mean_nothing_in_a_manifest() -> None:
    manifest = changed({"spec": {"strategy": {"hold_back": {"percent": 10}}}})
    assert [problem.field for problem in problems(manifest)] == ["spec.strategy.hold_back"]


@given(anything)
def test_nothing_that_stands_for_a_manifest_raises(manifest: Any) -> None:
    assert problems(manifest)


@given(anything, st.sampled_from(["metadata", "spec", "status", "kind"]))
def test_nothing_that_stands_for_a_part_of_a_manifest_raises(part: Any, name: str) -> None:
    parse_rollout(load("smallest.yaml") | {name: part})


@given(anything, st.sampled_from(["model", "serving", "traffic", "strategy", "baseline", "gates", "risk"]))
def test_nothing_that_stands_for_a_part_of_a_spec_raises(part: Any, name: str) -> None:
    manifest = load("smallest.yaml")
    parse_rollout(manifest | {"spec": manifest["spec"] | {name: part}})


def test_the_status_is_read_even_if_the_spec_is_wrong() -> None:
    manifest = changed({"spec": {"model": None}}) | {"status": {"weight": 25}}
    assert parse_status(manifest) == Status(weight=25)


def test_an_absent_status_is_an_empty_one() -> None:
    assert parse_status(load("smallest.yaml")) == Status()


def test_a_status_that_cannot_be_read_is_a_problem_and_not_an_empty_one() -> None:
    assert parse_status({"status": {"champion": {"bento": "churn:v1"}}}) == [
        Problem("status.champion.image", "is required"),
        Problem("status.champion.hash", "is required"),
    ]
