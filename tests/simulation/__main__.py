"""`python -m tests.simulation`: whether any sequence breaks an invariant, and which missing mends are found."""

import argparse

from tests.simulation.exploring import explore
from tests.simulation.mutations import MUTATIONS, taken_out

SEQUENCES = 100


def main() -> None:
    """Print how many looks broke nothing, then a line for each mend that is taken out."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--looks", type=int, default=200_000, help="of the operator as it is (default: %(default)s)")
    parser.add_argument("--sequences", type=int, default=1000, help="at most, for each mend (default: %(default)s)")
    arguments = parser.parse_args()
    looks = start = 0
    violation = ""
    while looks < arguments.looks and not violation:
        found = explore(SEQUENCES, start=start)
        looks, start, violation = looks + found.looks, start + 1, found.violation
    print(f"{looks} looks: {violation or 'no invariant was broken'}")
    print(f"{'LOOKS':>7}  {'FOUND':5}  MEND THAT WAS TAKEN OUT")
    for mutation in MUTATIONS:
        with taken_out(mutation):
            found = explore(arguments.sequences)
        print(f"{found.looks:>7}  {'yes' if found.violation else 'no':5}  {mutation.mend}")


if __name__ == "__main__":
    main()
