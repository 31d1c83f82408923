"""Tells positive numbers from others, in two workers."""

import bentoml

from modelrollout_serving import Capture, Predictions

predictions = Predictions(unsure_below=0.5, capture=Capture(disagreement=True))


@predictions.watch
@bentoml.service(workers=2)
class Sign:
    model = bentoml.models.BentoModel("sign:v1")

    @bentoml.api
    def predict(self, value: float) -> str:
        sign = "positive" if value > 0 else "negative"
        predictions.record(sign, min(abs(value), 1), features=[value], segments={"size": "small"}, input=value)
        return sign

    @bentoml.api(batchable=True)
    def double(self, values: list[float]) -> list[float]:
        for value in values:
            predictions.record(2 * value, key=f"value-{value:g}")
        return [2 * value for value in values]
