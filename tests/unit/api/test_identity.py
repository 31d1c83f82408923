"""Identity of model versions and the names made from it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.strategies import models, names

from modelrollout.api.identity import pod_pattern, version_of, workload_name
from modelrollout.api.model import Model

HASHES = st.from_regex("[0-9a-f]{10}", fullmatch=True)


def generated_pod_name(deployment: str, template_hash: str, suffix: str) -> str:
    """As the API server makes it of a ReplicaSet's name: k8s.io/apiserver/pkg/storage/names/generate.go."""
    return f"{deployment}-{template_hash}-"[:58] + suffix


def test_the_hash_of_a_version_does_not_change_between_releases() -> None:
    # What runs in clusters is found by it.
    assert version_of(Model(bento="churn:v1", image="registry.example/churn:v1")).hash == "a3245a678e"


@given(models, models)
def test_versions_have_the_same_hash_only_if_bento_and_image_are_the_same(one: Model, other: Model) -> None:
    assert (version_of(one).hash == version_of(other).hash) == (one == other)


@given(names, HASHES)
def test_the_name_of_a_version_is_a_name_for_a_service(rollout: str, version_hash: str) -> None:
    assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", workload_name(rollout, version_hash))


@pytest.mark.parametrize("rollout", ["churn", "a" * 35, "a" * 36, "a" * 63, "churn-" + "-" * 40 + "x"])
def test_the_pods_of_a_version_are_found_however_long_the_name_is(rollout: str) -> None:
    pod = generated_pod_name(workload_name(rollout, "0123456789"), "6b474476c4", "x7v2k")
    assert re.fullmatch(pod_pattern(rollout, "0123456789"), pod)


@given(names, names, HASHES)
def test_two_rollouts_never_share_a_name(one: str, other: str, version_hash: str) -> None:
    assert (workload_name(one, version_hash) == workload_name(other, version_hash)) == (one == other)


def test_long_names_that_begin_alike_are_told_apart() -> None:
    prefix = "recommendations-for-returning-customers"
    assert workload_name(f"{prefix}-north", "0123456789") != workload_name(f"{prefix}-south", "0123456789")


@given(names, HASHES, HASHES)
def test_the_pods_of_another_version_are_not_matched(rollout: str, one: str, other: str) -> None:
    pod = generated_pod_name(workload_name(rollout, other), "6b474476c4", "x7v2k")
    assert bool(re.fullmatch(pod_pattern(rollout, one), pod)) == (one == other)
