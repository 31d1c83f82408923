"""The handwritten digits that scikit-learn ships: 1797 images of 8 x 8 pixels, labels 0..9."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Samples(NamedTuple):
    """One row of `pixels` (64 values, 0..16) per label in `digits` (0..9)."""

    pixels: NDArray[np.float64]
    digits: NDArray[np.int64]


def load_split() -> tuple[Samples, Samples]:
    """Training and held-out halves. The held-out half is the live traffic of the demo."""
    pixels, digits = load_digits(return_X_y=True)
    train_pixels, held_out_pixels, train_digits, held_out_digits = train_test_split(
        pixels, digits, test_size=0.5, random_state=0, stratify=digits
    )
    return Samples(train_pixels, train_digits), Samples(held_out_pixels, held_out_digits)
