"""The model that should run."""

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import DoesNotMatch, Matches

Bento = Annotated[
    str,
    Field(max_length=256),
    Matches(
        "[a-z0-9]([-._a-z0-9]*[a-z0-9])?:[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?",
        "must be name:version as BentoML knows it, like churn:v1",
    ),
    DoesNotMatch(
        "[A-Z]|[^:]{64}",
        "must be in lower case, as BentoML writes tags, and at most 63 characters on either side of the colon",
        ratcheting=True,
    ),
]

# The grammar of github.com/distribution/reference, and digests as container runtimes verify them.
_DOMAIN = (
    r"([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*|\[[a-fA-F0-9:]+\])(:[0-9]+)?"
)
_PATH = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
_DIGEST = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
IMAGE_REFERENCE = rf"({_DOMAIN}/)?{_PATH}(/{_PATH})*(:[A-Za-z0-9_][-A-Za-z0-9_.]{{0,127}})?(@({_DIGEST}))?"

Image = Annotated[
    str,
    Field(max_length=512),
    Matches(
        IMAGE_REFERENCE,
        "must be a container image in lower case, like registry.example/churn:v1 or registry.example/churn@sha256:...",
        ratcheting=True,
    ),
]


class Model(ApiModel):
    """The model version that should run. Changing it starts a rollout."""

    bento: Bento
    """Name and version of the Bento, as BentoML knows them and its metrics label them, e.g. `churn:v1`."""
    image: Image
    """Container image of the Bento, best named by its digest."""
