"""How many looks a search for a violated invariant takes, or that it finds none."""

import logging
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.simulation.machine import Disturbances
from tests.simulation.world import Simulation


@dataclass(frozen=True, slots=True)
class Found:
    """looks: of the operator until the search ended. violation: what it found, for a person; empty for nothing."""

    looks: int
    violation: str


def explore(examples: int, *, start: int = 0, steps: int = 14, explain: bool = False) -> Found:
    """Try that many sequences of at most `steps` disturbances, the same ones for the same `start`.

    explain: whether a sequence that breaks an invariant is made as short as possible and printed, which takes minutes.
    """
    logging.disable(logging.CRITICAL)
    before = Simulation.looked
    phases = (Phase.generate, Phase.shrink) if explain else (Phase.generate,)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(seed(start)(Disturbances), settings=chosen)
    except AssertionError as error:
        return Found(Simulation.looked - before, str(error).splitlines()[0])
    finally:
        logging.disable(logging.NOTSET)
    return Found(Simulation.looked - before, "")
