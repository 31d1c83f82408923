import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.kube.merge import NotMergeable, merge

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.booleans() | st.integers(0, 9) | st.text("xyz", max_size=3)
ITEMS = st.fixed_dictionaries(
    {"name": NAMES, "value": SCALARS}, optional={"resources": st.dictionaries(NAMES, SCALARS)}
)
NAMED_LISTS = st.lists(ITEMS, max_size=3, unique_by=lambda item: item["name"])
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "a": SCALARS,
        "b": st.dictionaries(NAMES, SCALARS, max_size=3),
        "containers": NAMED_LISTS,
        "env": NAMED_LISTS,
        "tolerations": st.lists(SCALARS, max_size=3),
    },
)
OVERRIDES = OBJECTS | st.dictionaries(st.sampled_from(["a", "b", "containers"]), st.none())


@given(OBJECTS)
def test_nothing_over_something_is_that(base: dict[str, Any]) -> None:
    assert merge(base, {}) == base


@given(OBJECTS)
def test_something_over_nothing_is_that(override: dict[str, Any]) -> None:
    assert merge({}, override) == override


@given(OBJECTS, OVERRIDES)
def test_merging_twice_is_merging_once(base: dict[str, Any], override: dict[str, Any]) -> None:
    once = merge(base, override)

    assert merge(once, override) == once


@given(OBJECTS, OVERRIDES)
def test_neither_side_is_changed(base: dict[str, Any], override: dict[str, Any]) -> None:
    before = copy.deepcopy((base, override))

    merge(base, override)

    assert (base, override) == before


@given(OBJECTS, OVERRIDES)
def test_what_the_override_does_not_name_stays(base: dict[str, Any], override: dict[str, Any]) -> None:
    merged = merge(base, override)

    assert {key: merged.get(key) for key in base.keys() - override.keys()} == {
        key: base[key] for key in base.keys() - override.keys()
    }


@given(OBJECTS, OVERRIDES)
def test_every_name_of_either_side_is_there_once(base: dict[str, Any], override: dict[str, Any]) -> None:
    merged = merge(base, override)

    if override.get("containers", ()) is not None:
        names = [item["name"] for item in merged.get("containers", ())]
        expected = {item["name"] for side in (base, override) for item in side.get("containers", ())}
        assert sorted(names) == sorted(expected)


@pytest.mark.parametrize(
    ("base", "override", "merged"),
    [
        pytest.param(
            {"containers": [{"name": "model", "image": "m"}]},
            {"containers": [{"name": "proxy", "image": "p"}]},
            {"containers": [{"name": "model", "image": "m"}, {"name": "proxy", "image": "p"}]},
            id="a sidecar is added",
        ),
        pytest.param(
            {"containers": [{"name": "model", "resources": {"limits": {"cpu": "1"}}}]},
            {"containers": [{"name": "model", "resources": {"limits": {"nvidia.com/gpu": 1}}}]},
            {"containers": [{"name": "model", "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": 1}}}]},
            id="a container is merged by name",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {
                "env": [
                    {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "B", "value": "2"},
                ]
            },
            id="a variable from elsewhere takes the place of a value",
        ),
        pytest.param(
            {"volumes": [{"name": "tmp", "emptyDir": {}}]},
            {"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "c"}}]},
            {"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "c"}}]},
            id="a volume has one source",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]},
            {"volumeMounts": [{"name": "tmp", "mountPath": "/cache"}]},
            {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/cache"}]},
            id="a volume can be mounted twice",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"path": "/readyz"}, "periodSeconds": 5}},
            {"readinessProbe": {"exec": {"command": ["true"]}}},
            {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 5}},
            id="a probe has one handler",
        ),
        pytest.param(
            {"livenessProbe": {"httpGet": {"path": "/livez"}}, "a": 1},
            {"livenessProbe": None},
            {"a": 1},
            id="null removes",
        ),
        pytest.param(
            {"a": 1},
            {"b": {"c": None, "d": 2}},
            {"a": 1, "b": {"d": 2}},
            id="null removes in what is new too",
        ),
        pytest.param({"drop": ["ALL"]}, {"drop": ["NET_RAW"]}, {"drop": ["NET_RAW"]}, id="a plain list is replaced"),
        pytest.param(
            {"containers": [{"name": "model"}]},
            {"containers": "oops"},
            {"containers": "oops"},
            id="nonsense is kept",
        ),
    ],
)
def test_a_pod_template_merges_as_a_kubernetes_user_expects(
    base: dict[str, Any], override: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge(base, override) == merged


@pytest.mark.parametrize("name", [{"a": 1}, ["a"], None])
def test_a_thing_in_a_list_that_has_no_usable_name_is_told_by_the_list(name: object) -> None:
    with pytest.raises(NotMergeable, match="containers: each must have a name that is a text or a number"):
        merge({"containers": [{"name": "model"}]}, {"containers": [{"name": name}]})
