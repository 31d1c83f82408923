"""Train versions of the flow forecast and save each in the BentoML model store as `forecast:VERSION`.

A version that does not beat the last value on the second half of the series is refused: nothing is saved, and the exit
code is 1.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import bentoml
import numpy as np
from forecasters import LastValue, lags
from series import Windows, load_split
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelrollout_serving import reference

NAIVE = "naive"
MARGIN = 0.05
"""By how much of the last value's error a model has to be better."""

MODELS: Mapping[str, Any] = {
    NAIVE: LastValue,
    "trees": lambda: make_pipeline(FunctionTransformer(lags), HistGradientBoostingRegressor(random_state=0)),
    "ridge": lambda: make_pipeline(FunctionTransformer(lags), StandardScaler(), Ridge(1.0)),
}


def train(version: str) -> Any:
    """A fitted model."""
    training, _ = load_split()
    return MODELS[version]().fit(training.flows, training.truths)


def root_mean_square_error(model: Any, windows: Windows) -> float:
    """In litres per second."""
    return float(np.sqrt(np.mean((model.predict(windows.flows) - windows.truths) ** 2)))


def is_worth_its_cost(error: float, naive_error: float) -> bool:
    """Whether a model beats the last value by the margin."""
    return error <= (1 - MARGIN) * naive_error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+", choices=MODELS)
    options = parser.parse_args()
    training, held_out = load_split()
    naive_error = root_mean_square_error(train(NAIVE), held_out)
    refused = []
    for version in options.versions:
        model = train(version)
        error = root_mean_square_error(model, held_out)
        if version == NAIVE or is_worth_its_cost(error, naive_error):
            metadata = reference(training.flows, {"last_hour": -1}, data_until=training.hours[-1])
            bentoml.sklearn.save_model(f"forecast:{version}", model, metadata=metadata)
            print(f"saved forecast:{version}, RMSE {error:.3f} l/s", flush=True)
        else:
            refused.append(f"{version} is refused: RMSE {error:.3f} l/s, the last value has {naive_error:.3f}")
    sys.exit("\n".join(refused) or None)


if __name__ == "__main__":
    main()
