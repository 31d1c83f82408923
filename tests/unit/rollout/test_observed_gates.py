"""A gate of mode Observe is judged, shown and counted, and decides nothing."""

from datetime import timedelta

from tests.unit.rollout.world import START, World, spec

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.spec import Risk
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.measurements import BadQuery

ERRORS = {"name": "errors", "errorRate": {"maxIncrease": "5%", "tolerated": "2%"}}
LABELS = {"name": "labels", "share": {"total": "outcomes_total", "bad": "wrong_total", "maxIncrease": "2%"}}
OBSERVED = {**LABELS, "mode": "Observe"}


def rolled_out(gate: dict[str, object], error_rate: float = 0.005, until: str = "") -> World:
    """What becomes of a challenger of which a second gate says the same as the first, with another margin."""
    world = World(spec=spec(gates=[ERRORS, gate]), error_rates={"churn:v2": error_rate}).run(30)
    world.apply(spec("churn:v2", gates=[ERRORS, gate]))
    while world.now < START + timedelta(minutes=15) and until not in world.reasons():
        world.step()
    return world


STRICT = {"name": "strict", "errorRate": {"maxIncrease": "0.1%", "tolerated": "0%"}}


def test_what_an_observed_gate_would_have_rolled_back_is_promoted_and_told() -> None:
    decides, observes = (rolled_out(gate, 0.018) for gate in (STRICT, {**STRICT, "mode": "Observe"}))
    assert "GateFailed" in decides.reasons()
    assert "Promoted" in observes.reasons()
    [told] = [event for event in observes.events if event.reason == "WouldRollBack"]
    assert told.message.startswith("strict only observed: failed")


def test_the_status_tells_what_it_would_have_done() -> None:
    world = rolled_out({**STRICT, "mode": "Observe"}, 0.018, until="WouldRollBack")
    would = {gate.name: gate.would for gate in world.status.gates}
    assert would == {"errors": None, "strict": "RollBack", "restarts": None}


def test_an_observed_gate_without_data_holds_nothing_up() -> None:
    world = World(spec=spec(gates=[ERRORS, OBSERVED])).run(30)
    world.apply(spec("churn:v2", gates=[ERRORS, OBSERVED]))
    measured = world._measurements
    world._measurements = lambda: {**measured(), "labels": BadQuery("no")} if measured() else {}  # type: ignore[method-assign]
    world.run(600)
    assert "Promoted" in world.reasons()


def test_it_takes_no_part_of_the_error_rates_from_the_others() -> None:
    gates = spec(gates=[ERRORS, OBSERVED]).gates
    assert gate_set(gates, Risk(), 1, 100).tests[0] == gate_set(gates[:1], Risk(), 1, 100).tests[0]


def test_a_rollout_that_is_only_observed_is_refused() -> None:
    manifest = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "churn", "namespace": "ml"},
        "spec": {**spec().manifest(), "gates": [{**ERRORS, "mode": "Observe"}]},
    }
    refused = parse_rollout(manifest)
    assert isinstance(refused, list)
    assert [problem.message for problem in refused] == [
        "must have one that decides on answers: a gate of mode Observe or on restarts does not"
    ]
