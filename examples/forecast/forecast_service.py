"""The flow of the next hour as a BentoML service. All versions share this code; they differ in the model they load."""

from datetime import UTC, datetime
from typing import Annotated

import bentoml
import numpy as np
from annotated_types import Len
from forecasters import HOURS
from pydantic import BaseModel

from modelrollout_serving import Predictions

predictions = Predictions(boundaries=[90, 95, 98, 100, 102, 105, 110])


class Arguments(BaseModel):
    version: str = "naive"


class Forecast(BaseModel):
    flow: float
    version: str


arguments = bentoml.use_arguments(Arguments)


@predictions.watch
@bentoml.service(name="forecast", workers=1, traffic={"timeout": 10})
class FlowForecast:
    model = bentoml.models.BentoModel(f"forecast:{arguments.version}")

    def __init__(self) -> None:
        self.forecaster = bentoml.sklearn.load_model(self.model)

    @bentoml.api
    def predict(self, hour: datetime, flows: Annotated[list[float], Len(HOURS, HOURS)]) -> Forecast:
        """Forecast the flow of an hour in l/s, of those of the hours before it, oldest first.

        The truth comes an hour later, from a meter that knows of no request: its key is the hour.
        """
        flow = float(self.forecaster.predict(np.array([flows]))[0])
        predictions.record(flow, features=flows, key=hour.astimezone(UTC).isoformat())
        return Forecast(flow=flow, version=bentoml.server_context.bento_version)
