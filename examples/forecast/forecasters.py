"""What the models do with the last hours, packed into the Bento because pickled models refer to it by name."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

HOURS = 25
"""So many of the last hours a forecast is made from: the same hour of yesterday, and the one before it."""

_LAGS = (-1, -2, -24, -25)


class LastValue(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """The next hour is as the last one: what a model has to beat."""

    def fit(self, flows: NDArray[np.float64], truths: NDArray[np.float64]) -> Self:
        self.n_features_in_ = flows.shape[1]
        return self

    def predict(self, flows: NDArray[np.float64]) -> NDArray[np.float64]:
        return flows[:, -1]


def lags(flows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last two hours, and the same two of the day before."""
    return flows[:, _LAGS]
