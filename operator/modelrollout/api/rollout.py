"""The custom resource as a whole."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import re2
from pydantic import Field, PrivateAttr, model_validator

from modelrollout.api.base import ApiModel
from modelrollout.api.names import ANNOTATION_KEYS, LABEL_KEYS, LABEL_VALUE
from modelrollout.api.rules import Matches, Rule, cel_string
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status

VERSION = "v1alpha1"
KIND = "ModelRollout"


# Services and labels are named after it.
_NAME = Matches(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    "must be at most 63 lower case letters, digits and -, beginning with a letter and ending with no -",
)


_ENDS_LIKE_OURS = "-[0-9a-f]{10}$"


_NOT_READ = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
}


class ObjectMeta(ApiModel):
    """The part of the metadata that the operator reads."""

    name: str
    """Name of the ModelRollout."""
    namespace: str = "default"
    """Its namespace."""
    uid: str = ""
    """What tells it from an earlier one of the same name; empty in a manifest that was never applied."""
    generation: int = 0
    """Counts the changes of the spec."""
    labels: Annotated[dict[str, Annotated[str, LABEL_VALUE]], LABEL_KEYS] = Field(default_factory=dict)
    """Its labels."""
    annotations: Annotated[dict[str, str], ANNOTATION_KEYS] = Field(default_factory=dict)
    """Its annotations."""
    deletion_timestamp: datetime | None = None
    """When its deletion was asked for."""

    @model_validator(mode="before")
    @classmethod
    def _keep_what_is_read(cls, data: Any) -> Any:
        # The rest of what Kubernetes knows is no mistake, however strictly a manifest is read.
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if key not in _NOT_READ}
        return data


class ModelRollout(ApiModel):
    """A model on Kubernetes of which every new version has to prove itself beside the one that runs."""

    rules = (
        Rule(
            cel=f"{_NAME.cel('self.metadata.name')} && size(self.metadata.name) <= 63",
            holds=lambda rollout: _NAME.accepts(rollout.metadata.name) and len(rollout.metadata.name) <= 63,
            message=_NAME.message,
            field="metadata.name",
        ),
        Rule(
            # A name cannot be mended: what is there keeps it.
            cel=f"oldSelf.hasValue() || !self.metadata.name.matches({cel_string(_ENDS_LIKE_OURS)})",
            holds=lambda rollout: re2.search(_ENDS_LIKE_OURS, rollout.metadata.name) is None,
            message="must not end in - and 10 hexadecimal digits, as the names of what is made for a ModelRollout do",
            field="metadata.name",
            ratcheting=True,
            sees_old=True,
        ),
    )

    api_version: Literal["modelrollout.io/v1alpha1"]
    """Version of the API."""
    kind: Literal["ModelRollout"]
    """Kind of the object."""
    metadata: ObjectMeta
    """Name, namespace and generation."""
    spec: ModelRolloutSpec
    """What is asked for."""
    status: Status = Field(default_factory=Status)
    """What the operator reports, and all that it remembers."""
    _status_problem: str = PrivateAttr("")

    @property
    def status_problem(self) -> str:
        """What of the status could not be read and was left out, for a person; empty if all of it could."""
        return self._status_problem

    def with_status(self, status: Status, problem: str) -> Self:
        """The same with another status, and with what could not be read of it."""
        changed = self.model_copy(update={"status": status})
        changed._status_problem = problem
        return changed
