"""What must hold whatever happens: the operator among failing machines and people, see `tests/simulation`."""

import pytest
from tests.simulation.exploring import explore
from tests.simulation.mutations import MUTATIONS, Mutation, taken_out


def test_no_sequence_of_disturbances_breaks_an_invariant() -> None:
    assert explore(60).violation == ""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.mend)
def test_the_line_of_each_mend_is_there_once(mutation: Mutation) -> None:
    with taken_out(mutation):
        pass
