from prometheus_client import generate_latest
from tests.unit.runtime.test_reconcile import rollout

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.rollout.plan import Event, EventType
from modelrollout.runtime.telemetry import Telemetry


def test_no_series_is_left_of_rollouts_that_are_gone() -> None:
    telemetry = Telemetry()
    parsed = parse_rollout(rollout())
    assert isinstance(parsed, ModelRollout)
    telemetry.saw(parsed)
    for reason in ("Promoted", "RolledBack"):
        telemetry.happened("ml", "churn", Event(EventType.NORMAL, reason, "for a reason"))
    assert b'name="churn"' in generate_latest(telemetry.registry)

    telemetry.forget("ml", "churn")

    assert b'name="churn"' not in generate_latest(telemetry.registry)
