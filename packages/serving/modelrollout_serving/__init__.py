"""Records and counts the predictions of a BentoML service.

    predictions = Predictions(unsure_below=0.9)

    @predictions.watch
    @bentoml.service
    class Digits:
        @bentoml.api
        def predict(self, pixels: list[float]) -> int:
            ...
            predictions.record(digit, confidence)
            return digit

Nothing here slows, blocks or fails a prediction: what cannot be recorded is dropped and counted.
"""

from modelrollout_serving.capture import Capture
from modelrollout_serving.predictions import Predictions
from modelrollout_serving.record import Record
from modelrollout_serving.reference import Reference, reference
from modelrollout_serving.sinks.file import JsonLines
from modelrollout_serving.sinks.outcomes import OutcomesService
from modelrollout_serving.sinks.sink import Receipt, Sink, Unavailable

__all__ = [
    "Capture",
    "JsonLines",
    "OutcomesService",
    "Predictions",
    "Receipt",
    "Record",
    "Reference",
    "Sink",
    "Unavailable",
    "reference",
]
