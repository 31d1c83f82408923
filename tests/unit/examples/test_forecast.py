"""A forecast that cannot beat the last value is refused, one that can is saved; truths find it by its hour."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from forecast_service import FlowForecast, predictions
from forecast_train import MARGIN, NAIVE, is_worth_its_cost, root_mean_square_error, train
from forecasters import HOURS
from series import load_split
from tests.unit.serving.sinks import Kept

from modelrollout_serving.sender import Sender

TRAIN = Path(__file__).parents[3] / "examples" / "forecast" / "forecast_train.py"

trained = cache(train)


def error(version: str) -> float:
    return root_mean_square_error(trained(version), load_split()[1])


def test_a_window_has_the_hours_before_its_truth() -> None:
    training, held_out = load_split()
    for windows in (training, held_out):
        assert windows.flows.shape == (len(windows.truths), HOURS)
        assert np.array_equal(windows.flows[1:, -1], windows.truths[:-1])
    assert max(training.hours) < min(held_out.hours)


def test_the_last_value_is_the_last_value() -> None:
    _, held_out = load_split()
    assert np.array_equal(trained(NAIVE).predict(held_out.flows), held_out.flows[:, -1])


def test_the_ridge_beats_the_last_value_and_the_trees_do_not() -> None:
    assert is_worth_its_cost(error("ridge"), error(NAIVE))
    assert not is_worth_its_cost(error("trees"), error(NAIVE))


@pytest.mark.parametrize(("share", "worth"), [(1 - MARGIN, True), (1.001 - MARGIN, False), (1, False)])
def test_a_model_has_to_be_better_by_the_margin(share: float, worth: bool) -> None:
    assert is_worth_its_cost(2 * share, 2) is worth


def test_what_is_refused_is_not_saved(tmp_path: Path) -> None:
    environment = {**os.environ, "BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, TRAIN, "trees", "ridge"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "trees is refused: RMSE" in result.stderr
    assert {path.name for path in (tmp_path / "models" / "forecast").iterdir() if path.is_dir()} == {"ridge"}


def test_a_forecast_is_known_by_its_hour_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Kept()
    monkeypatch.setitem(vars(predictions), "_sender", Sender(sink))
    service = object.__new__(FlowForecast.inner)
    service.forecaster = trained(NAIVE)
    hour = datetime.fromisoformat("2022-05-01T13:00:00+02:00")
    for ahead in range(2):
        service.predict(hour + timedelta(hours=ahead), [100.0 + ahead] * HOURS)
    predictions.close()
    assert [(one.key, one.prediction) for one in sink.records] == [
        ("2022-05-01T11:00:00+00:00", 100),
        ("2022-05-01T12:00:00+00:00", 101),
    ]
