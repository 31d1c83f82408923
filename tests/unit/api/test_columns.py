"""`kubectl get mr` fits a terminal of 120 columns."""

import re
from pathlib import Path

from modelrollout.api.crd import custom_resource_definition
from modelrollout.api.status import Phase
from modelrollout.rollout import holds, shadow_holds, standing

# What kubectl puts between two columns.
_GAP = 3
_CONDITION_STATUS, _BENTO, _AGE = "Unknown", "fraud-detector:v12", "119m"


def ready_reasons() -> set[str]:
    """The reasons of the Ready condition, as the code has them."""
    source = "".join(Path(module.__file__).read_text() for module in (holds, shadow_holds, standing))
    return set(re.findall(r'(?:Hold\(|Standing\([^"()]*)\s*"([A-Z]\w+)"', source))


def test_the_columns_fit_for_names_of_usual_length_and_the_longest_words_of_ours() -> None:
    [version] = custom_resource_definition()["spec"]["versions"]
    shown = [column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")]
    longest = {
        "Ready": _CONDITION_STATUS,
        "Phase": max(Phase, key=len),
        "Champion": _BENTO,
        "Challenger": _BENTO,
        "Weight": "100",
        "Reason": max(ready_reasons(), key=len),
        "Age": _AGE,
    }
    cells = [("Name", "fraud-detector"), *((name, longest[name]) for name in shown)]
    assert sum(max(len(name), len(cell)) + _GAP for name, cell in cells) - _GAP <= 120


def test_the_reasons_are_found() -> None:
    assert {"AwaitingApproval", "RouteNotTakenOver", "NoReadyPods", "ChampionFailing"} <= ready_reasons()
