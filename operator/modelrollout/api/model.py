"""The model that should run."""

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Matches

Bento = Annotated[
    str,
    Field(max_length=256),
    Matches(
        "[a-z0-9]([-._a-z0-9]*[a-z0-9])?:[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?",
        "must be name:version as BentoML knows it, like churn:v1",
    ),
]
Image = Annotated[
    str,
    Field(max_length=1024),
    Matches(
        "[A-Za-z0-9][-._/:@A-Za-z0-9]*",
        "must be a container image, like registry.example/churn:v1 or registry.example/churn@sha256:...",
    ),
]


class Model(ApiModel):
    """The model version that should run. Changing it starts a rollout."""

    bento: Bento
    """Name and version of the Bento, as BentoML knows them and its metrics label them, e.g. `churn:v1`."""
    image: Image
    """Container image of the Bento, best named by its digest."""
