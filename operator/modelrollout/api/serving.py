"""How a version of the model is served."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, StrictInt

from modelrollout.api.base import ApiModel
from modelrollout.api.names import Annotations, Labels
from modelrollout.api.pod_rules import MODEL_CONTAINER, OWN_VARIABLES, PORT_NAME, VARIABLE_NAME
from modelrollout.api.pods import Shape
from modelrollout.api.resources import Resources
from modelrollout.api.rules import KeyedBy, Rule, cel_list
from modelrollout.api.units import Duration, PositiveDuration, ShortDuration, between


class EnvVar(ApiModel):
    """An environment variable, as in core/v1."""

    rules = (
        Rule(
            cel="!has(self.valueFrom) || !has(self.value) || self.value == ''",
            holds=lambda variable: variable.value_from is None or not variable.value,
            message="only one of value and valueFrom may be set",
            ratcheting=True,
        ),
        Rule(
            cel=f"!(self.name in {cel_list(OWN_VARIABLES)})",
            holds=lambda variable: variable.name not in OWN_VARIABLES,
            message="must not be BENTOML_PORT: that is spec.serving.port",
            field="name",
            ratcheting=True,
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=253), VARIABLE_NAME]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """Its value."""
    value_from: Annotated[dict[str, Any], Shape("EnvVarSource")] | None = None
    """Where its value comes from, as in core/v1: a key of a Secret or a ConfigMap, a field of the pod."""


class PodMetadata(ApiModel):
    """Metadata added to the pods."""

    labels: Labels = Field(default_factory=dict)
    """Labels added to the pods. Those that the operator sets itself stay as they are."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations added to the pods."""


class PodTemplate(ApiModel):
    """What is merged over the generated pod template."""

    metadata: PodMetadata = PodMetadata()
    """Labels and annotations added to the pods."""
    spec: Annotated[dict[str, Any], Shape("PodSpec")] = Field(default_factory=dict)
    """A core/v1 PodSpec, merged over the generated one. The container that serves the model is named `model`."""


def _named_ports(serving: "Serving") -> Iterator[tuple[int, str]]:
    """The ports of the model's container that podTemplate names."""
    for container in serving.pod_template.spec.get("containers") or ():
        if container["name"] == MODEL_CONTAINER:
            yield from ((port["containerPort"], port["name"]) for port in container.get("ports") or () if _named(port))


def _named(port: Mapping[str, Any]) -> bool:
    return port.get("name") is not None


class Serving(ApiModel):
    """How a version of the model is served."""

    rules = (
        Rule(
            cel="(!has(self.port) || self.port > 0)"
            " && (!has(self.podTemplate) || !has(self.podTemplate.spec) || !has(self.podTemplate.spec.containers)"
            f" || self.podTemplate.spec.containers.all(container, container.name != '{MODEL_CONTAINER}'"
            " || !has(container.ports) || container.ports.all(port, !has(port.name)"
            f" || (port.containerPort == self.port) == (port.name == '{PORT_NAME}'))))",
            holds=lambda serving: all(
                (number == serving.port) == (name == PORT_NAME) for number, name in _named_ports(serving)
            ),
            message=f"must leave the name {PORT_NAME} to the port of the model, spec.serving.port",
            field="podTemplate.spec.containers",
            ratcheting=True,
        ),
    )

    # The scale subresource reads it, and finds that 3.0 is no integer.
    replicas: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    """Pods of a version that carries all of the traffic. A challenger gets as many as its weight needs."""
    # A rule in CEL reads it, and finds that 3000.0 is no integer.
    port: Annotated[StrictInt, Field(ge=1, le=65535)] = 3000
    """Port on which the Bento serves requests and metrics."""
    resources: Resources = Resources()
    """Compute resources of each pod."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=200), KeyedBy("name")] = ()
    """Environment variables of the container that serves the model, as in core/v1."""
    pod_template: PodTemplate = PodTemplate()
    """Anything else about the pods: node selectors, volumes, service accounts, sidecars."""
    progress_deadline: Annotated[PositiveDuration, between("10s", "7d")] = PositiveDuration("10m")
    """How long a challenger may take to get its pods ready before it is rolled back."""
    request_timeout: ShortDuration = ShortDuration("60s")
    """After how long a request has surely been answered or counted as failed; BentoML's own limit is 60 s. What is
    counted for so long after a change of the weights is no evidence for a promotion, since failures may come late.
    """
    drain: Annotated[Duration, between("0s", "1d")] = Duration("30s")
    """How long a version that no longer gets traffic keeps its pods, so that requests under way can end."""
