"""Champions and challengers trained on real data that packages ship, and how they answer what neither has seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

Array = np.ndarray
HELD_OUT = 0.4


@dataclass(frozen=True)
class Held:
    """Answers to the held-out rows: which are wrong, and on which the two predict differently."""

    data: str
    challenger: str
    champion_wrong: Array
    challenger_wrong: Array
    differ: Array

    @property
    def gap(self) -> float:
        """By how much more of the rows the challenger is wrong."""
        return float(self.challenger_wrong.mean() - self.champion_wrong.mean())


def data_sets() -> Iterator[tuple[str, Array, Array]]:
    """Names, features and classes: digits of scikit-learn, bananas and image segments of river."""
    from river import datasets as river_datasets  # noqa: PLC0415 - of the group `bench`

    digits = sklearn_datasets.load_digits()
    yield "digits", digits.data, digits.target
    for name, stream in (("bananas", river_datasets.Bananas()), ("image segments", river_datasets.ImageSegments())):
        rows = list(stream)
        yield name, np.array([list(x.values()) for x, _ in rows], float), np.array([str(y) for _, y in rows])


def pairs_of_models(seed: int = 1) -> Iterator[Held]:
    """For each data set a challenger that was retrained on more rows, and one that was trained on too few."""
    for name, features, classes in data_sets():
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(classes))
        held, train = np.split(order, [round(HELD_OUT * len(order))])
        model = make_pipeline(StandardScaler(), _MODELS[name])
        older = train[: round(0.8 * len(train))]
        champion = _answers(model, features, classes, older, classes[older], held)
        retrained = _answers(model, features, classes, train, classes[train], held)
        few = train[: len(train) // 4]
        badly = _answers(model, features, classes, few, classes[few], held)
        for challenger, answers in (("retrained on more rows", retrained), ("trained on a quarter of the rows", badly)):
            yield Held(name, challenger, champion != classes[held], answers != classes[held], champion != answers)


@dataclass(frozen=True)
class Answered:
    """Held-out rows: their class by number, one feature, and whether the model is wrong, and one that has decayed."""

    data: str
    classes: Array
    feature: Array
    wrong: Array
    wrong_later: Array


def answered_rows(seed: int = 1) -> Iterator[Answered]:
    """For each data set. A model has decayed as if it had been trained on a quarter of the rows."""
    for name, features, classes in data_sets():
        rng = np.random.default_rng(seed)
        held, train = np.split(rng.permutation(len(classes)), [round(HELD_OUT * len(classes))])
        model = make_pipeline(StandardScaler(), _MODELS[name])
        few = train[: len(train) // 4]
        answers = [_answers(model, features, classes, rows, classes[rows], held) for rows in (train, few)]
        spread = [len(np.unique(column)) for column in features[held].T]
        yield Answered(
            name,
            np.unique(classes, return_inverse=True)[1][held],
            features[held, int(np.argmax(spread))],
            answers[0] != classes[held],
            answers[1] != classes[held],
        )


_MODELS: dict[str, ClassifierMixin] = {
    "digits": LogisticRegression(max_iter=500),
    "bananas": DecisionTreeClassifier(min_samples_leaf=10, random_state=0),
    "image segments": DecisionTreeClassifier(min_samples_leaf=5, random_state=0),
}


def _answers(model: Any, features: Array, classes: Array, rows: Array, labels: Array, held: Array) -> Array:
    return np.asarray(clone(model).fit(features[rows], labels).predict(features[held]))
