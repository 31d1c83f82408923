"""A status that somebody has edited by hand does not stop a rollout, and never makes the bad version the champion."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli import worlds
from tests.unit.rollout.fragile import Fragile, rolling_out

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.rollout.decide import decide

V1 = {"bento": "churn:v1", "image": "registry.example/churn:v1", "hash": "a3245a678e"}
SPLIT = {"championWeight": 0, "challengerWeight": 0, "fromWindow": 0, "requests": 4, "state": "x"}
GATE = {"name": "errors", "verdict": "Fail", "guarantee": "Exact", "state": {"a": 1}}
FUTURE = "2031-01-01T00:00:00Z"


def edited(world: Fragile, **fields: Any) -> ModelRollout:
    """The ModelRollout as it is read after an edit of its status; fields of objects are merged, None removes one."""
    manifest = worlds.rollout(world).model_dump(mode="json", by_alias=True, exclude_none=True)
    status = {name: _merged(manifest["status"].get(name), value) for name, value in fields.items()}
    manifest["status"] = {name: value for name, value in {**manifest["status"], **status}.items() if value is not None}
    parsed = parse_rollout(manifest)
    assert isinstance(parsed, ModelRollout)
    return parsed


def _merged(kept: Any, value: Any) -> Any:
    return {**kept, **value} if isinstance(kept, dict) and isinstance(value, dict) else value


EDITS: dict[str, dict[str, Any]] = {
    "an unknown phase": {"phase": "Weird"},
    "a number for a text": {"verdict": 7},
    "no progress": {"rollout": None},
    "no challenger": {"challenger": None},
    "an unknown stage": {"rollout": {"stage": "Dancing"}},
    "a stage of another kind": {"rollout": {"stage": "Watching"}},
    "a weight beyond all": {"rollout": {"targetWeight": 500}},
    "a negative weight": {"rollout": {"targetWeight": -3}},
    "a step beyond all": {"rollout": {"step": 900}},
    "a negative step": {"rollout": {"step": -9}},
    "a step that begins in years": {"rollout": {"stepSince": FUTURE}},
    "no attempt": {"rollout": {"attempt": 0}},
    "evidence from the future": {"evidence": {"window": 10**12}},
    "evidence from before time": {"evidence": {"window": -5}},
    "traffic that is no number": {"evidence": {"requestsPerSecond": "plenty"}},
    "infinite traffic": {"evidence": {"requestsPerSecond": "inf"}},
    "a split that cannot be read": {
        "evidence": {
            "split": {"championWeight": 0, "challengerWeight": 0, "fromWindow": 0, "requests": 4, "state": "x"}
        }
    },
    "gates of somebody else": {
        "gates": [{"name": "errors", "verdict": "Fail", "guarantee": "Exact", "state": {"a": 1}}]
    },
    "gates that are none": {"gates": "all good"},
    "the champion as its own challenger": {"challenger": V1},
    "a watch beside the rollout": {"watch": {"since": FUTURE, "until": FUTURE, "holdBackPercent": 5}},
    "a hash that names nothing": {"challenger": {"hash": "../../etc"}},
    "the champion among those to go": {"retiring": [{**V1, "since": "2026-11-24T12:00:00Z"}] * 2},
    "commands that are none": {"handled": ["abort"]},
    "a champion that began in years": {"servingSince": FUTURE},
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_rollout_goes_on_from_an_edited_status(edit: str) -> None:
    world = rolling_out(40)
    read = edited(world, **EDITS[edit])
    world.status, problem = read.status, read.status_problem
    world.step()
    assert world.served() == 100
    assert world.share("churn:v1") > 0
    world.run(300)
    assert world.status.champion
    assert world.status.champion.bento == "churn:v2"
    assert problem == "" or problem.startswith("status.")


def test_the_466th_attempt_is_judged_as_strictly_as_numbers_allow() -> None:
    world = rolling_out(40)
    world.status = edited(world, rollout={"attempt": 466}).status
    world.run(60)
    assert (world.status.gates[0].verdict, world.share("churn:v1") > 0) == ("Undecided", True)


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_repaired_is_told_once(edit: str) -> None:
    world = rolling_out(40)
    read = edited(world, **EDITS[edit])
    world.status = read.status
    world.run(15)
    assert world.reasons().count("StatusRepaired") <= 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "phase",
    "champion",
    "challenger",
    "rollout",
    "watch",
    "gates",
    "evidence",
    "retiring",
    "handled",
    "quarantine",
]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4))
def test_no_status_makes_a_decision_fail(fields: dict[str, Any]) -> None:
    world = rolling_out(30)
    read = edited(world, **fields)
    plan = decide(world.spec, 2, read.status, world.observe(), world.settings, world.now)
    assert plan.status.conditions
