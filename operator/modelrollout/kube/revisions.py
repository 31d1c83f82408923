"""Revisions: all that shapes the pods of a version, kept as ControllerRevisions that the ModelRollout owns.

The Deployment of a version is built from its revision and never from the present spec: an edit touches no pod of the
champion, and what is rolled back comes back with all that belonged to it.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError

from modelrollout.api.base import ApiModel
from modelrollout.api.identity import shape, workload_name
from modelrollout.api.serving import Serving
from modelrollout.api.status import Version
from modelrollout.kube.ownership import Owner
from modelrollout.ports import CONTROLLER_REVISION, Manifest
from modelrollout_contract.objects import BENTO_ANNOTATION, VERSION_LABEL


class Revision(ApiModel):
    """The content of a ControllerRevision.

    digest: as `Version.serving`. serving: the part of `spec.serving` that shapes pods, as it was written.
    configuration: digests of the content of the ConfigMaps and Secrets that it names, by `Kind/name`.
    copies: the ConfigMaps that hold that content for good, by the names of those that it names.
    """

    bento: str
    image: str
    digest: str
    serving: dict[str, Any] = Field(default_factory=dict)
    configuration: dict[str, str] = Field(default_factory=dict)
    copies: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(
        cls, version: Version, serving: Serving, configuration: Mapping[str, str], copies: Mapping[str, str]
    ) -> Self:
        """The revision of a version that is served in this way."""
        return cls(
            bento=version.bento,
            image=version.image,
            digest=version.serving or "",
            serving=shape(serving),
            configuration=dict(configuration),
            copies=dict(copies),
        )

    @property
    def as_served(self) -> Serving:
        """How the version is served, as far as it shapes its pods. Raises ValidationError if no release wrote it."""
        return Serving.model_validate(self.serving, by_name=False)


def build_revision(owner: Owner, version: Version, revision: Revision, number: int) -> Manifest:
    """The ControllerRevision of a version. number: as in `kubectl rollout history`; the newest has the highest."""
    metadata = owner.metadata(workload_name(owner.name, version.hash))
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.kind,
        "metadata": {
            **metadata,
            "labels": {**metadata["labels"], VERSION_LABEL: version.hash},
            "annotations": {BENTO_ANNOTATION: version.bento},
        },
        "data": revision.model_dump(mode="json"),
        "revision": number,
    }


def read_revision(manifest: Manifest) -> Revision | None:
    """The content of a ControllerRevision; None if it is none that this operator could have written."""
    try:
        revision = Revision.model_validate(manifest.get("data"), by_name=False)
        return revision if revision.as_served else None
    except ValidationError:
        return None


def number_of(manifest: Manifest) -> int:
    """The number of a ControllerRevision."""
    return int(manifest.get("revision", 0))
