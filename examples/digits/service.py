"""The digit classifier as a BentoML service. All versions share this code; they differ in the model they load."""

from typing import Annotated

import bentoml
import numpy as np
from annotated_types import Ge, Le, Len
from images import FULL_INK, SIDE
from prometheus_client import Counter
from pydantic import BaseModel

from modelrollout_serving import Capture, Predictions

UNSURE_BELOW = 0.9

predictions = Predictions(unsure_below=UNSURE_BELOW, capture=Capture(unsure_below=0.5, disagreement=True))
OUTCOMES = Counter(
    "digits_outcomes",
    "Predictions whose true digit is known by now, by the version that made them",
    ["version", "correct"],
)

Digit = Annotated[int, Ge(0), Le(9)]


class Arguments(BaseModel):
    version: str = "v1"


class Prediction(BaseModel):
    digit: Digit
    confidence: float
    version: str


arguments = bentoml.use_arguments(Arguments)


@predictions.watch
@bentoml.service(name="digits", workers=1, traffic={"timeout": 10})
class Digits:
    model = bentoml.models.BentoModel(f"digits:{arguments.version}")

    def __init__(self) -> None:
        self.classifier = bentoml.sklearn.load_model(self.model)

    @bentoml.api
    def predict(
        self, pixels: Annotated[list[Annotated[float, Ge(0), Le(FULL_INK)]], Len(SIDE**2, SIDE**2)]
    ) -> Prediction:
        """Classify one image, given as 64 pixels row by row."""
        probabilities = self.classifier.predict_proba(np.array([pixels]))[0]
        digit = int(probabilities.argmax())
        confidence = float(probabilities[digit])
        predictions.record(digit, confidence, features=pixels, input=pixels)
        return Prediction(digit=digit, confidence=confidence, version=bentoml.server_context.bento_version)

    @bentoml.api
    def feedback(self, version: Annotated[str, Len(1, 128)], predicted: Digit, actual: Digit) -> None:
        """Say what an image showed in truth. Any pod of any version counts it for the version that predicted."""
        OUTCOMES.labels(version, str(predicted == actual).lower()).inc()
