"""When a prediction is right, and what it lost."""

from collections.abc import Iterator

from modelrollout_outcomes.records import Value


def is_figure(value: Value | None) -> bool:
    """Whether a value is a number rather than a class by name. A truth value is a class."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_class(value: Value | None) -> str:
    """A class by its name: `7`, `7.0` and `"7"` are one, and so are `true` and `"true"`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def as_figure(value: Value) -> float | None:
    """A number, also one that is written as text, as a CSV file has it. None if it is none."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def is_right(prediction: Value | None, truth: Value) -> bool:
    """Whether a prediction and the truth are the same class, or the same number."""
    if is_figure(prediction) or is_figure(truth):
        figures = as_figure(prediction) if prediction is not None else None, as_figure(truth)
        if None not in figures:
            return figures[0] == figures[1]
    return prediction is not None and as_class(prediction) == as_class(truth)


def names_classes(value: Value | None) -> bool:
    """Whether a value can be a class: a text, a truth value or a whole number."""
    return value is not None and not (isinstance(value, float) and not value.is_integer())


def losses(
    prediction: Value | None, confidence: float | None, truth: Value, value: float | None
) -> Iterator[tuple[str, float]]:
    """The losses that are known of a prediction, by name.

    `absolute` and `squared` where prediction and truth are numbers, `brier` (G. W. Brier, 1950: the squared difference
    of the confidence to 1 if right and to 0 if wrong) where there is a confidence, `value` where the truth says one.
    """
    if is_figure(prediction) and prediction is not None and (figure := as_figure(truth)) is not None:
        difference = abs(float(prediction) - figure)
        yield "absolute", difference
        yield "squared", difference * difference
    if confidence is not None:
        yield "brier", (confidence - is_right(prediction, truth)) ** 2
    if value is not None:
        yield "value", value
