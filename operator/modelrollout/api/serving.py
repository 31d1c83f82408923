"""How a version of the model is served."""

from typing import Annotated, Any

from pydantic import Field, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import KeyedBy
from modelrollout.api.units import Duration, PositiveDuration, Quantity, ShortDuration

ResourceList = Annotated[dict[str, Quantity], Field(max_length=16)]
Labels = Annotated[dict[str, str], Field(max_length=64)]


class Resources(ApiModel):
    """Compute resources of a pod of the model."""

    requests: ResourceList = Field(default_factory=dict)
    """What is reserved for a pod, e.g. `{cpu: 500m, memory: 1Gi}`."""
    limits: ResourceList = Field(default_factory=dict)
    """What a pod may use at most."""


class EnvVar(ApiModel):
    """An environment variable, as in core/v1."""

    name: Annotated[str, Field(min_length=1, max_length=1024)]
    """Name of the variable."""
    value: str | None = None
    """Its value."""
    value_from: dict[str, Any] | None = None
    """Where its value comes from, as in core/v1: a key of a Secret or a ConfigMap, a field of the pod."""


class PodMetadata(ApiModel):
    """Metadata added to the pods."""

    labels: Labels = Field(default_factory=dict)
    """Labels added to the pods. Those that the operator sets itself stay as they are."""
    annotations: Labels = Field(default_factory=dict)
    """Annotations added to the pods."""


class PodTemplate(ApiModel):
    """What is merged over the generated pod template."""

    metadata: PodMetadata = PodMetadata()
    """Labels and annotations added to the pods."""
    spec: dict[str, Any] = Field(default_factory=dict)
    """A core/v1 PodSpec, merged over the generated one. The container that serves the model is named `model`."""


class Serving(ApiModel):
    """How a version of the model is served."""

    replicas: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    """Pods of a version that carries all of the traffic. A challenger gets as many as its weight needs."""
    port: Annotated[StrictInt, Field(ge=1, le=65535)] = 3000
    """Port on which the Bento serves requests and metrics."""
    resources: Resources = Resources()
    """Compute resources of each pod."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=200), KeyedBy("name")] = ()
    """Environment variables of the container that serves the model, as in core/v1."""
    pod_template: PodTemplate = PodTemplate()
    """Anything else about the pods: node selectors, volumes, service accounts, sidecars."""
    progress_deadline: PositiveDuration = PositiveDuration("10m")
    """How long a challenger may take to get its pods ready before it is rolled back."""
    request_timeout: ShortDuration = ShortDuration("60s")
    """After how long a request has surely been answered or counted as failed; BentoML's own limit is 60 s. What is
    counted for so long after a change of the weights is no evidence for a promotion, since failures may come late.
    """
    drain: Duration = Duration("30s")
    """How long a version that no longer gets traffic keeps its pods, so that requests under way can end."""
