import base64
import json

import pytest
from data import Samples, load_split
from make_targets import labels, targets


@pytest.fixture(scope="module")
def held_out() -> Samples:
    return load_split()[1]


def test_a_target_asks_for_the_image_of_its_row(held_out: Samples) -> None:
    for row, target in enumerate(targets(held_out, "http://10.0.0.1/")):
        assert (target["method"], target["url"]) == ("POST", f"http://10.0.0.1/predict?row={row}")
        assert json.loads(base64.b64decode(target["body"])) == {"pixels": held_out.pixels[row].tolist()}


@pytest.mark.parametrize(
    ("host", "expected"),
    [(None, {"Content-Type"}), ("digits.example", {"Content-Type", "Host"})],
)
def test_a_target_names_a_host_only_if_it_is_not_in_the_url(
    held_out: Samples, host: str | None, expected: set[str]
) -> None:
    assert set(next(targets(held_out, "http://10.0.0.1", host))["header"]) == expected


def test_labels_are_the_true_digits_of_the_rows(held_out: Samples) -> None:
    assert [(label["row"], label["digit"]) for label in labels(held_out)] == list(enumerate(held_out.digits))


def test_the_same_requests_come_in_the_same_order_every_time(held_out: Samples) -> None:
    again = load_split()[1]
    assert list(targets(again, "http://10.0.0.1")) == list(targets(held_out, "http://10.0.0.1"))
