"""`history` and `undo` beside an operator at work."""

from pathlib import Path

import pytest
from tests.simulation.machine import MOMENTS
from tests.simulation.world import KEY, SPEC, Simulation, model
from tests.unit.cli.documented import check

from modelrollout.cli.arguments import Parser, read
from modelrollout.cli.cluster import Cluster, Connection
from modelrollout.cli.console import CommandFailed
from modelrollout.cli.main import build_parser
from modelrollout.cli.revisions import History, Undo, run_undo, show_history

PAGE = Path(__file__).parents[3] / "docs" / "revisions.md"
NOWHERE = Connection(None, None, None)


def run(world: Simulation, *words: str) -> None:
    """Run a command of the plugin on the simulated API server."""
    parser: Parser = build_parser()
    options = parser.parse_args(list(words))
    options.connection = NOWHERE
    cluster = Cluster(world.server, KEY.namespace)
    work = (
        show_history(read(History, options), cluster)
        if words[0] == "history"
        else run_undo(read(Undo, options), cluster)
    )
    assert world.loop.run_until_complete(work) == 0


@pytest.fixture
def world() -> Simulation:
    """Two champions after each other, and a threshold that was rolled back."""
    world = Simulation()
    while not MOMENTS["the first version serves"](world):
        world.run(5)
    world.edit_spec(model=model("churn:v2"))
    world.run(900)
    world.edit_spec(serving={**SPEC["serving"], "env": [{"name": "THRESHOLD", "value": "0.9"}]})
    world.run(20)
    world.annotate("abort")
    world.run(60)
    return world


def champion(world: Simulation) -> str:
    status = world.status()
    assert status.champion
    return status.champion.bento


def test_undo_takes_an_edit_back_that_was_rolled_back(world: Simulation) -> None:
    run(world, "undo", "churn")
    world.run(20)

    assert world.rollout
    assert "env" not in world.rollout["spec"]["serving"]
    assert world.rollout["spec"]["serving"]["replicas"] == SPEC["serving"]["replicas"]
    assert world.status().challenger is None
    assert world.status().phase == "Stable"


def test_undo_goes_back_to_the_champion_before_which_proves_itself_again(world: Simulation) -> None:
    run(world, "undo", "churn", "--to-revision", "1")
    world.run(20)
    assert world.status().challenger == world.status().wanted
    world.run(900)

    assert champion(world) == "churn:v1"


def test_undo_without_a_number_from_a_champion_goes_to_the_one_before(world: Simulation) -> None:
    run(world, "undo", "churn")
    world.run(20)
    run(world, "undo", "churn")

    assert world.rollout
    assert world.rollout["spec"]["model"] == model("churn:v1")


def test_undo_while_the_old_champion_is_warm_is_instant() -> None:
    world = Simulation()
    while not MOMENTS["the first version serves"](world):
        world.run(5)
    world.edit_spec(model=model("churn:v2"))
    while not MOMENTS["a watch"](world):
        world.run(5)

    run(world, "undo", "churn")
    world.look()

    assert champion(world) == "churn:v1"
    assert world.weights()[world.status().champion.hash] == 100  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("number", "why"), [("9", "there is no revision 9; there are 1, 2, 3"), ("3", "was rolled back; `retry` tries it")]
)
def test_a_revision_that_cannot_be_gone_back_to_is_told_and_nothing_is_written(
    number: str, why: str, world: Simulation
) -> None:
    before = world.rollout and dict(world.rollout["spec"])

    with pytest.raises(CommandFailed, match=why):
        run(world, "undo", "churn", "--to-revision", number)

    assert world.rollout
    assert world.rollout["spec"] == before


def test_the_gates_are_skipped_on_request_once_the_rollout_has_begun(world: Simulation) -> None:
    run(world, "undo", "churn", "--to-revision", "1")
    world.look()
    run(world, "undo", "churn", "--to-revision", "4", "--skip-gates")
    world.run(120)

    assert champion(world) == "churn:v1"
    assert "PromotionForced" in {item["reason"] for item in world.server.objects.values() if item["kind"] == "Event"}


def test_the_page_shows_what_the_commands_print(world: Simulation, capsys: pytest.CaptureFixture[str]) -> None:
    def shown(arguments: list[str]) -> tuple[int, str]:
        run(world, *arguments)
        return 0, capsys.readouterr().out

    check(PAGE, shown, live=True)
