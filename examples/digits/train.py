"""Train versions of the digit classifier and save each in the BentoML model store as `digits:VERSION`."""

import argparse
import time

import bentoml
import numpy as np
from data import Samples, load_split
from distilled import student, teacher
from images import FULL_INK, SIDE, shift_tolerant_distance, trim_faint_borders
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from modelrollout_serving import reference

# Of the 64 pixels those in the middle, by their place in a row of the training data.
WATCHED_PIXELS = {f"row{row}_column{column}": SIDE * row + column for row in (3, 4) for column in (3, 4)}

_TIMED = 100


def sharpen(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Push grey pixels towards blank or full ink.

    This is the bug of v5. A pickled pipeline refers to this function as `__main__.sharpen`; the Bento does not
    contain the training script, so unpickling fails and the service never starts.
    """
    return FULL_INK / (1 + np.exp(FULL_INK / 2 - pixels))


def support_vectors() -> ClassifierMixin:
    return CalibratedClassifierCV(SVC(gamma=0.001), ensemble=False)


def nearest_aligned() -> ClassifierMixin:
    return KNeighborsClassifier(3, weights="distance", metric=shift_tolerant_distance)


MODELS = {
    "majority": lambda: DummyClassifier(strategy="prior"),
    "v1": lambda: GaussianNB(var_smoothing=0.01),
    "v2": support_vectors,
    "v3": lambda: make_pipeline(FunctionTransformer(trim_faint_borders), support_vectors()),
    "v4": lambda: VotingClassifier([("support", support_vectors()), ("nearest", nearest_aligned())], voting="soft"),
    "v5": lambda: make_pipeline(FunctionTransformer(sharpen), support_vectors()),
    "teacher": teacher,
    "student": student,
}


def train(version: str) -> ClassifierMixin:
    training, _ = load_split()
    return MODELS[version]().fit(training.pixels, training.digits)


def _evaluated(classifier: ClassifierMixin, held_out: Samples) -> str:
    """Accuracy, and what a request for a single image costs."""
    before = time.process_time()
    for pixels in held_out.pixels[:_TIMED]:
        classifier.predict_proba(pixels[np.newaxis])
    cost = (time.process_time() - before) / _TIMED
    return f", accuracy {classifier.score(*held_out):.4f}, {cost * 1000:.1f} ms of a processor for an image"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="+", choices=MODELS)
    parser.add_argument("--evaluate", action="store_true", help="print accuracy and cost on the held-out images")
    options = parser.parse_args()
    training, held_out = load_split()
    for version in options.versions:
        classifier = train(version)
        bentoml.sklearn.save_model(f"digits:{version}", classifier, metadata=reference(training.pixels, WATCHED_PIXELS))
        print(f"saved digits:{version}{_evaluated(classifier, held_out) if options.evaluate else ''}", flush=True)


if __name__ == "__main__":
    main()
