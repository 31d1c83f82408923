"""How much traffic there is, by what was counted."""

import pytest
from tests.unit.rollout.world import TICK, World, spec

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.rollout.measurements import Counted, Measurement, NoData, SourceDown, Window
from modelrollout.rollout.pace import Pace, follow_traffic

INTERVAL = TICK


def counted(*windows: tuple[int, int]) -> Counted:
    """Windows by index, with so many requests of both arms together."""
    return Counted(tuple(Window(index, Block(ArmCounts(number))) for index, number in windows), windows[-1][0])


def traffic(*measured: Measurement, earlier: float | None = None, after: int = 0, share: float = 1.0) -> float | None:
    by_gate = {str(number): measurement for number, measurement in enumerate(measured)}
    return follow_traffic(earlier, by_gate, after=after, share=share, scrape_interval=INTERVAL)


@pytest.mark.parametrize(
    ("measured", "share", "expected"),
    [
        pytest.param([counted((1, 50))], 1.0, 10.0, id="requests of a window"),
        pytest.param([counted((1, 50))], 0.25, 40.0, id="of two versions that have a quarter of the traffic"),
        pytest.param([counted((4, 200))], 1.0, 10.0, id="that stands for windows in which nothing was scraped"),
        pytest.param([counted((1, 5)), counted((1, 50))], 1.0, 10.0, id="by the gate that counts most"),
        pytest.param([NoData("none", 1), SourceDown("down")], 1.0, None, id="nothing is known without data"),
        pytest.param([counted((1, 50))], 0.0, None, id="or while the weights are being taken over"),
    ],
)
def test_the_traffic_is_what_was_counted(measured: list[Measurement], share: float, expected: float | None) -> None:
    assert traffic(*measured, share=share) == (None if expected is None else pytest.approx(expected))


def test_a_quiet_moment_changes_little_and_a_lasting_change_comes_through() -> None:
    busy = traffic(counted(*((index, 50) for index in range(1, 100))))
    assert busy is not None
    moment = traffic(counted((100, 0)), earlier=busy, after=99)
    lasting = traffic(counted(*((index, 0) for index in range(100, 200))), earlier=busy, after=99)
    assert moment == pytest.approx(10, rel=0.1)
    assert lasting == pytest.approx(0, abs=0.1)


def test_the_traffic_is_the_same_in_however_many_looks_it_was_counted() -> None:
    windows = [(index, 10 * index) for index in range(1, 20)]
    at_once = traffic(counted(*windows))
    rate = None
    for index, number in windows:
        rate = traffic(counted((index, number)), earlier=rate, after=index - 1)
    assert rate == at_once


def test_a_gate_that_counts_a_part_of_the_requests_takes_longer() -> None:
    assert Pace(traffic=100.0, challenger_share=0.1).for_part(0.5).challenger_rate == pytest.approx(5)


def test_looking_between_scrapes_moves_no_weight() -> None:
    world = World().run(30)
    world.apply(spec("churn:v2", strategy={"ramp": {"maxWeight": 50}}))
    weights = []
    for _ in range(60):
        world.step()
        chosen = world.share("churn:v2")
        world.look()
        world.look()
        assert world.share("churn:v2") == chosen
        weights.append(chosen)
    ramped = [weight for weight in weights if 0 < weight <= 50]
    assert ramped == sorted(ramped)
    assert len(set(ramped)) > 3
