"""What a truth does to the predictions that it is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelrollout_outcomes.known import Known
from modelrollout_outcomes.records import Truth, TruthAnswer, TruthState, Value
from modelrollout_outcomes.scoring import as_figure, is_figure


@dataclass(frozen=True)
class Settlement:
    """What is answered, and the predictions as they are with the truth."""

    answer: TruthAnswer
    changed: Sequence[Known] = ()
    first: Sequence[Known] = ()
    """Those of the changed that had no truth before."""


def settle(truth: Truth, predictions: Sequence[Known], now: float, matured_until: Mapping[int, float]) -> Settlement:
    """Give a truth to the predictions of one request.

    `matured_until` has, by maturity in seconds, the time of the youngest request that has been counted. No prediction
    means that none is known yet. The time of the first truth stays when a later one corrects it.
    """
    if not predictions:
        return Settlement(TruthAnswer(state=TruthState.WAITING, reason="no such prediction is known yet"))
    if reason := next(filter(None, (_mismatch(each.prediction, truth.truth) for each in predictions)), ""):
        return Settlement(TruthAnswer(state=TruthState.REJECTED, reason=reason))
    changed = [each for each in predictions if not _says_the_same(each, truth)]
    first = [each for each in changed if each.truth is None]
    after = [
        replace(each, truth=truth.truth, value=truth.value, truth_by=truth.by, truth_at=each.truth_at or now)
        for each in changed
    ]
    state = TruthState.MATCHED if first else TruthState.CORRECTED if changed else TruthState.DUPLICATE
    late = any(each.at <= until for each in changed for until in matured_until.values())
    return Settlement(TruthAnswer(state=state, late=late), after, [each for each in after if _is_in(each, first)])


def meant_by(truth: Truth, predictions: Iterable[Known], window: float) -> Sequence[Known]:
    """The predictions that a truth by key is about: those of the last request with the key up to its time.

    Requests more than `window` seconds before that time are not meant.
    """
    assert truth.at is not None
    fitting = [each for each in predictions if each.key == truth.key and truth.at - window <= each.at <= truth.at]
    if not fitting:
        return ()
    request = max(fitting, key=lambda each: (each.at, each.request)).request
    return [each for each in fitting if each.request == request]


def _mismatch(prediction: Value | None, truth: Value) -> str:
    if isinstance(prediction, float) and not prediction.is_integer() and as_figure(truth) is None:
        return f"the prediction is the number {prediction}, and the truth {truth!r} is none"
    if is_figure(prediction) and isinstance(truth, bool):
        return f"the prediction is the number {prediction}, and the truth is {str(truth).lower()}"
    return ""


def _says_the_same(known: Known, truth: Truth) -> bool:
    return known.truth == truth.truth and type(known.truth) is type(truth.truth) and known.value == truth.value


def _is_in(known: Known, others: Iterable[Known]) -> bool:
    return any((known.request, known.cohort, known.day) == (each.request, each.cohort, each.day) for each in others)
