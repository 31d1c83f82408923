"""Models and manifests say the same."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.whole_rollouts import rollouts, statuses

from modelrollout.api.parsing import parse_rollout, parse_status
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status


@given(rollouts)
def test_a_manifest_of_any_valid_rollout_parses_back_to_it(rollout: ModelRollout) -> None:
    assert parse_rollout(rollout.manifest(), strict=True) == rollout


@given(rollouts)
def test_nothing_is_lost_on_the_way_through_json_and_yaml(rollout: ModelRollout) -> None:
    manifest = rollout.manifest()
    assert json.loads(json.dumps(manifest)) == manifest
    assert yaml.safe_load(yaml.safe_dump(manifest)) == manifest


@given(statuses)
def test_a_status_parses_back_alone(status: Status) -> None:
    assert parse_status({"status": status.manifest()}) == status


@given(rollouts, st.sampled_from(["spec", "status"]))
def test_fields_of_a_newer_version_of_the_api_are_ignored(rollout: ModelRollout, part: str) -> None:
    manifest = rollout.manifest()
    manifest[part] = manifest.get(part, {}) | {"ofTheFuture": {"some": ["thing"]}}
    assert parse_rollout(manifest) == rollout
