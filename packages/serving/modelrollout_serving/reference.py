"""What the inputs were in training: how much of each feature lies in which bucket.

`reference(X)` goes into the metadata of the model at training time; the service that loads the model finds it there.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import numpy as np

METADATA_KEY = "modelrollout-reference"
"""Under which a reference is in the metadata of a model."""

MOST_FEATURES = 50
"""Each bucket of each feature is a series of its own in every pod."""

MISSING = "missing"
OTHER = "other"

_MOST_CATEGORIES = 20


@dataclass(frozen=True)
class Feature:
    """A feature of the training data: a number cut at `boundaries`, or else one of some `categories`.

    column: its place in a row. shares: of the rows, by bucket. A number's buckets are called 0, 1, 2, ...; each holds
    the values up to and including its boundary.
    """

    name: str
    column: int
    boundaries: tuple[float, ...]
    categories: tuple[str, ...]
    shares: Mapping[str, float]

    @cached_property
    def buckets(self) -> tuple[str, ...]:
        """Names of the buckets."""
        own = self.categories or tuple(map(str, range(len(self.boundaries) + 1)))
        return (*own, OTHER, MISSING) if self.categories else (*own, MISSING)

    @property
    def ends(self) -> dict[str, float]:
        """The largest value in each bucket of a number."""
        ends = (*self.boundaries, math.inf) if not self.categories else ()
        return dict(zip(self.buckets, ends, strict=False))

    def bucket(self, value: Any) -> str:
        """The bucket that a value falls into. What is no number where one should be counts as missing."""
        if self.categories:
            return MISSING if _is_missing(value) else name if (name := str(value)) in self._known else OTHER
        try:
            number = float(value)
        except (TypeError, ValueError):
            return MISSING
        return MISSING if math.isnan(number) else self.buckets[bisect_left(self.boundaries, number)]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.categories)


@dataclass(frozen=True)
class Reference:
    """What is kept of the training data of a model. data_until: when the latest are from, seconds since the epoch."""

    features: tuple[Feature, ...]
    data_until: float | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self | None:
        """The reference in the metadata of a model, if there is one."""
        stored = metadata.get(METADATA_KEY)
        if stored is None:
            return None
        features = tuple(
            Feature(
                item["name"], item["column"], tuple(item["boundaries"]), tuple(item["categories"]), dict(item["shares"])
            )
            for item in stored["features"]
        )
        return cls(features, stored.get("data_until"))


def reference(
    X: Any,
    features: Sequence[str | int] | Mapping[str, int] | None = None,
    *,
    buckets: int = 10,
    data_until: datetime | None = None,
) -> dict[str, Any]:
    """Metadata for a model trained on X: `save_model(..., metadata=reference(X))`. Merge it with your own by `|`.

    X: a table with a row for each sample: an array, or a pandas DataFrame.
    features: columns to keep, by name or position, or positions by the name to give them; all if there are at most
    MOST_FEATURES.
    buckets: numbers are cut at the quantiles 1/buckets, 2/buckets, ... Texts are taken by value, the most frequent 20.
    data_until: when the newest sample is from; exported as the age of the training data.

    Raises ValueError for too many features, KeyError for one that X has not.
    """
    columns = _columns(X)
    chosen = _chosen(columns, features)
    if len(chosen) > MOST_FEATURES:
        raise ValueError(f"name the features to keep, at most {MOST_FEATURES} of the {len(columns)}")
    kept = [_feature(name, column, _values(X, column), buckets) for name, column in chosen.items()]
    until = {"data_until": data_until.timestamp()} if data_until else {}  # BentoML's metadata know no None
    return {METADATA_KEY: {"features": kept, **until}}


def _columns(X: Any) -> list[str]:
    if hasattr(X, "columns"):
        return [str(column) for column in X.columns]
    return [str(column) for column in range(np.asarray(X).shape[1])]


def _chosen(columns: list[str], features: Sequence[str | int] | Mapping[str, int] | None) -> dict[str, int]:
    if isinstance(features, Mapping):
        return dict(features)
    places = {name: place for place, name in enumerate(columns)}
    if features is None:
        return places
    return {columns[one]: one if isinstance(one, int) else places[one] for one in map(_place(places), features)}


def _place(places: Mapping[str, int]) -> Any:
    return lambda one: one if isinstance(one, int) else places[one]


def _values(X: Any, column: int) -> Any:
    return X.iloc[:, column].to_numpy() if hasattr(X, "iloc") else np.asarray(X)[:, column]


def _feature(name: str, column: int, values: Any, buckets: int) -> dict[str, Any]:
    numeric = values.dtype.kind in "biuf"
    boundaries = _boundaries(values.astype(float), buckets) if numeric else ()
    categories = () if numeric else _categories(values)
    feature = Feature(name, column, boundaries, categories, {})
    return {
        "name": name,
        "column": column,
        "boundaries": list(boundaries),
        "categories": list(categories),
        "shares": _shares(feature, values.tolist()),
    }


def _boundaries(values: Any, buckets: int) -> tuple[float, ...]:
    present = values[~np.isnan(values)]
    if not len(present):
        return ()
    levels = np.arange(1, buckets) / buckets
    return tuple(np.unique(np.quantile(present, levels, method="inverted_cdf")).tolist())


def _categories(values: Iterable[Any]) -> tuple[str, ...]:
    counted = Counter(str(value) for value in values if not _is_missing(value))
    return tuple(name for name, _ in counted.most_common(_MOST_CATEGORIES))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _shares(feature: Feature, values: Sequence[Any]) -> dict[str, float]:
    counted = Counter(map(feature.bucket, values))
    return {bucket: counted[bucket] / len(values) for bucket in feature.buckets}
