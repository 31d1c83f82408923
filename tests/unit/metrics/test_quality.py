"""Truths that the outcomes service has matched with predictions count for the version that made them."""

from tests.unit.metrics.answering import Recorded, measured, totals

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.gates.quality import MATURED
from modelrollout.rollout.measurements import Counted, Measurement, NoData

Counter = tuple[dict[str, str], list[float]]


def matured(version: str, outcome: str, values: list[float]) -> Counter:
    return {"exported_namespace": "ml", "rollout": "digits", "version": version, "outcome": outcome}, values


COUNTS = [
    matured("v1", "right", [1000, 1090, 1180, 1270]),
    matured("v1", "wrong", [100, 110, 120, 130]),
    matured("v2", "right", [0, 8, 16, 24]),
    matured("V2", "wrong", [0, 2, 4, 6]),
    matured("v1", "unlabelled", [500, 500, 500, 500]),
    matured("v0", "wrong", [0, 70, 70, 70]),
]


def judged(pods: dict[str, list[Counter]], **gate: object) -> Measurement:
    client = Recorded("ml", MATURED, pods)
    return measured(client, {"maturity": "24h", **gate}, member="quality")


def test_truths_count_for_the_version_that_made_the_prediction() -> None:
    assert totals(judged({"outcomes-0": COUNTS})) == Block(ArmCounts(300, 30), ArmCounts(30, 6))


def test_replicas_of_the_service_that_show_the_same_counts_count_once() -> None:
    late = [(labels, [0.0, *values[:-1]]) for labels, values in COUNTS]
    both = totals(judged({"outcomes-0": COUNTS, "outcomes-1": COUNTS}))
    assert both == totals(judged({"outcomes-0": COUNTS}))
    assert totals(judged({"outcomes-0": COUNTS, "outcomes-1": late})).champion.total <= both.champion.total


def test_one_maturity_and_one_segment_are_asked_for() -> None:
    client = Recorded("monitoring", MATURED, {"outcomes-0": COUNTS})
    kind = {"maturity": "24h", "segment": "country=de", "namespace": "monitoring"}
    assert isinstance(measured(client, kind, member="quality"), Counted)
    [asked] = [selector for selector in client.asked if selector.startswith(MATURED)]
    assert 'namespace="monitoring"' in asked
    assert 'exported_namespace="ml",rollout="digits",maturity="86400",segment="country=de"' in asked


def test_predictions_that_nobody_labelled_may_be_the_wrong_ones() -> None:
    unlabelled = [*COUNTS, matured("v2", "unlabelled", [0, 40, 80, 120])]
    found = judged({"outcomes-0": unlabelled})
    assert isinstance(found, NoData)
    assert found.message == (
        "20 % of the challenger's predictions had a truth when they were 24h old, at least 50% are needed"
    )
    assert isinstance(judged({"outcomes-0": unlabelled}, minCoverage="20%"), Counted)
