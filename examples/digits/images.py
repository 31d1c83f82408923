"""What the models do with images, packed into the Bento because pickled pipelines refer to it by name."""

import numpy as np
from numpy.typing import NDArray

SIDE = 8
FULL_INK = 16
MAX_SHIFT = 2


def trim_faint_borders(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the top and bottom row of pixels if nothing in them reaches 85 % of full ink.

    This is the bug of v3. "Nothing" spans the whole batch: a training batch keeps every row, so training and
    offline evaluation see 64 features. A request is a batch of one, and where that one image is faint at the
    top or the bottom, the classifier gets fewer features than it was trained on and raises.
    """
    images = pixels.reshape(-1, SIDE, SIDE)
    inked_rows = np.flatnonzero(images.max(axis=(0, 2)) > 0.85 * FULL_INK)
    return images[:, inked_rows[0] : inked_rows[-1] + 1].reshape(len(images), -1)


def shift_tolerant_distance(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Euclidean distance of two images at the best alignment within two pixels in each direction.

    This is what makes v4 slow: scikit-learn calls it once for every training image.
    """
    fixed = left.reshape(SIDE, SIDE)
    padded = np.pad(right.reshape(SIDE, SIDE), MAX_SHIFT)
    offsets = range(2 * MAX_SHIFT + 1)
    aligned = (padded[row : row + SIDE, column : column + SIDE] for row in offsets for column in offsets)
    return min(float(np.linalg.norm(fixed - shifted)) for shifted in aligned)
