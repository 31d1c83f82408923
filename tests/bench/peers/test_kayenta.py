"""Cases of Kayenta's ClassifierSuite (tolerance 0.10, level 0.95), data rounded to four digits."""

import json
from pathlib import Path

import pytest

from tests.bench.peers.kayenta import Label, classify

CASES = json.loads(Path(__file__).with_name("kayenta_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_label_is_that_of_kayenta(case):
    label = classify(
        case["control"],
        case["experiment"],
        tolerance=0.10,
        level=0.95,
        allowed_decrease=case["allowed"][0],
        allowed_increase=case["allowed"][1],
        direction=case["direction"],
    )
    assert label == case["label"]


def test_points_without_a_value_are_left_out():
    assert classify([1.0, float("nan")], [float("nan")]) is Label.NO_DATA
