"""The digit classifier as a BentoML service. All versions share this code; they differ in the model they load."""

from typing import Annotated

import bentoml
import numpy as np
from annotated_types import Ge, Le, Len
from images import FULL_INK, SIDE
from pydantic import BaseModel


class Arguments(BaseModel):
    version: str = "v1"


class Prediction(BaseModel):
    digit: int
    confidence: float
    version: str


arguments = bentoml.use_arguments(Arguments)


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
        return Prediction(
            digit=digit, confidence=float(probabilities[digit]), version=bentoml.server_context.bento_version
        )
