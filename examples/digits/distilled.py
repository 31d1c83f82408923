"""A large model, and a small one that has learned to answer like it.

The student is trained on what the teacher says of mixed images, where nobody has a label: probabilities of all digits,
the soft labels of G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", 2015
(arXiv:1503.02531), at temperature 1. Mixing is that of H. Zhang et al., "mixup", 2018 (arXiv:1710.09412).
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

_MIXES = 4
_LARGEST_PART = 0.35
_LEAST_PROBABILITY = 0.01


def teacher() -> ClassifierMixin:
    """Three hundred trees, support vectors and nearest neighbours, whose probabilities are averaged."""
    members = [
        ("trees", ExtraTreesClassifier(300, random_state=0)),
        ("support", CalibratedClassifierCV(SVC(gamma=0.001), ensemble=False)),
        ("neighbours", KNeighborsClassifier(3, weights="distance")),
    ]
    return VotingClassifier(members, voting="soft")


def student() -> "Distillation":
    """A linear model over two hundred kernels. What is fitted holds nothing of the teacher."""
    kernels = Nystroem(gamma=0.001, n_components=200, random_state=0)
    return Distillation(Pipeline([("kernels", kernels), ("linear", LogisticRegression(C=30, max_iter=200))]))


class Distillation:
    """How a small model is fitted to what the teacher says. `fit` returns that model."""

    def __init__(self, small: Pipeline) -> None:
        self._small = small

    def fit(self, pixels: NDArray[np.float64], digits: NDArray[np.int64]) -> Pipeline:
        images = mixed(pixels)
        probabilities = teacher().fit(pixels, digits).predict_proba(images)
        # Cross-entropy with soft labels is that of each label, weighted by its probability.
        image, digit = np.nonzero(probabilities > _LEAST_PROBABILITY)
        return self._small.fit(images[image], digit, linear__sample_weight=probabilities[image, digit])


def mixed(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The images, and each of them four times with up to a third of another one over it."""
    random = np.random.default_rng(0)
    rounds = [pixels]
    for _ in range(_MIXES):
        part = random.uniform(0, _LARGEST_PART, (len(pixels), 1))
        rounds.append((1 - part) * pixels + part * random.permutation(pixels))
    return np.concatenate(rounds)
