"""What a Deployment refuses of a pod although its types allow it, and what keeps versions from running side by side.

The rules are those of k8s.io/kubernetes/pkg/apis/core/validation, as far as a user of models meets them. What is left
the API server says when the Deployment is applied, and a condition repeats it.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt
from pydantic.alias_generators import to_snake

from modelrollout.api.names import LABEL, SUBDOMAIN
from modelrollout.api.pod_schema import pod_types
from modelrollout.api.rules import Matches, Rule, cel_list
from modelrollout.api.units import Integer

MODEL_CONTAINER = "model"
PORT_NAME = "http"
OWN_VARIABLES = ("BENTOML_PORT",)
VARIABLE_NAME = Matches(
    "[-._a-zA-Z][-._a-zA-Z0-9]*", "must be letters, digits, -, _ and ., not beginning with a digit", ratcheting=True
)

# Values of strings, whatever type has a field of that name.
ALLOWED: dict[str, Any] = {
    "imagePullPolicy": Literal["Always", "IfNotPresent", "Never"],
    "protocol": Literal["TCP", "UDP", "SCTP"],
    "terminationMessagePolicy": Literal["File", "FallbackToLogsOnError"],
    "dnsPolicy": Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
    "preemptionPolicy": Literal["Never", "PreemptLowerPriority"],
    "whenUnsatisfiable": Literal["DoNotSchedule", "ScheduleAnyway"],
    "effect": Literal["NoSchedule", "PreferNoSchedule", "NoExecute"],
    "scheme": Literal["HTTP", "HTTPS"],
    "mountPropagation": Literal["None", "HostToContainer", "Bidirectional"],
    "serviceAccountName": Annotated[
        str, Field(max_length=253), Matches(f"({SUBDOMAIN})?", "must be the name of a ServiceAccount")
    ],
    "priorityClassName": Annotated[
        str, Field(max_length=253), Matches(f"({SUBDOMAIN})?", "must be the name of a PriorityClass")
    ],
    "runtimeClassName": Annotated[
        str, Field(max_length=253), Matches(f"({SUBDOMAIN})?", "must be the name of a RuntimeClass")
    ],
    "claimName": Annotated[
        str, Field(max_length=253), Matches(SUBDOMAIN, "must be the name of a PersistentVolumeClaim")
    ],
    "mountPath": Annotated[str, Field(min_length=1, max_length=1024), Matches("[^:]+", "must be a path without :")],
}

_DNS_LABEL = Annotated[
    str, Field(max_length=63), Matches(LABEL, "must be lower case letters, digits and -, at most 63")
]
_COUNT = Annotated[Integer, Field(ge=0, le=2**31 - 1)]
_USER = Annotated[Integer, Field(ge=0, le=2**31 - 1)]
# Rules in CEL read it, and find that 3000.0 is no integer.
_PORT = Annotated[StrictInt, Field(ge=1, le=65535)]

_SOURCE_NAME = Annotated[
    str,
    Field(max_length=253),
    Matches(SUBDOMAIN, "must be the name of an object: lower case letters, digits, - and .", ratcheting=True),
]
_SOURCE_KEY = Annotated[
    str, Field(max_length=253), Matches("[-._a-zA-Z0-9]+", "must be letters, digits, -, _ and .", ratcheting=True)
]

# Fields that have a type of their own.
FIELDS: dict[tuple[str, str], Any] = {
    ("Container", "name"): _DNS_LABEL,
    ("Volume", "name"): _DNS_LABEL,
    ("VolumeMount", "name"): Annotated[str, Field(max_length=63)],
    ("PodSpec", "hostname"): _DNS_LABEL,
    ("PodSpec", "subdomain"): _DNS_LABEL,
    ("PodSpec", "restartPolicy"): Literal["Always"],
    # The container of the model serves on for 10 s after its end has begun.
    ("PodSpec", "terminationGracePeriodSeconds"): Annotated[Integer, Field(ge=11, le=86400)],
    ("ContainerPort", "containerPort"): _PORT,
    ("ContainerPort", "hostPort"): Annotated[StrictInt, Field(ge=0, le=65535)],
    ("ContainerPort", "name"): Annotated[
        str,
        Field(max_length=15),
        Matches(
            "[a-z0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*|[0-9]+(-[0-9]+)*-[a-z0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*",
            "must be at most 15 lower case letters, digits and -, with a letter",
        ),
    ],
    ("EnvVar", "name"): Annotated[str, Field(min_length=1, max_length=253), VARIABLE_NAME],
    ("SecretKeySelector", "name"): _SOURCE_NAME,
    ("SecretKeySelector", "key"): _SOURCE_KEY,
    ("ConfigMapKeySelector", "name"): _SOURCE_NAME,
    ("ConfigMapKeySelector", "key"): _SOURCE_KEY,
    ("SecretEnvSource", "name"): _SOURCE_NAME,
    ("ConfigMapEnvSource", "name"): _SOURCE_NAME,
    ("Container", "restartPolicy"): Literal["Always", "OnFailure", "Never"],
    ("TopologySpreadConstraint", "maxSkew"): Annotated[Integer, Field(ge=1, le=2**31 - 1)],
    ("Toleration", "operator"): Literal["Exists", "Equal", "Lt", "Gt"],
    ("PodSecurityContext", "runAsUser"): _USER,
    ("PodSecurityContext", "runAsGroup"): _USER,
    ("PodSecurityContext", "fsGroup"): _USER,
    ("SecurityContext", "runAsUser"): _USER,
    ("SecurityContext", "runAsGroup"): _USER,
    ("Probe", "initialDelaySeconds"): _COUNT,
    ("Probe", "timeoutSeconds"): _COUNT,
    ("Probe", "periodSeconds"): _COUNT,
    ("Probe", "successThreshold"): _COUNT,
    ("Probe", "failureThreshold"): _COUNT,
    ("SleepAction", "seconds"): Annotated[Integer, Field(ge=0, le=86400)],
    ("SeccompProfile", "type"): Literal["RuntimeDefault", "Localhost", "Unconfined"],
    ("EmptyDirVolumeSource", "medium"): Literal["", "Memory", "HugePages", "HugePages-2Mi", "HugePages-1Gi"],
}

_SOURCES = sorted(pod_types()["Volume"].keys() - {"name"})
_VALUE_SOURCES = sorted(pod_types()["EnvVarSource"])


def _set(model: Any) -> int:
    """How many fields a model has set, but for its name."""
    return len(model.model_fields_set - {"name"})


def _one_of(members: Iterable[str]) -> str:
    return f"[{', '.join(f'has(self.{member})' for member in members)}].exists_one(given, given)"


def _ports(container: Any) -> list[tuple[int, str]]:
    return [(port.container_port, port.protocol or "TCP") for port in container.ports or ()]


def _volumes_are_there(pod: Any) -> bool:
    names = {volume.name for volume in pod.volumes or ()} | {"tmp"}
    containers = [*(pod.containers or ()), *(pod.init_containers or ())]
    return all(mount.name in names for container in containers for mount in container.volume_mounts or ())


def _mounted(containers: str) -> str:
    return (
        f"(!has(self.{containers}) || self.{containers}.all(container, !has(container.volumeMounts)"
        " || container.volumeMounts.all(mount, mount.name == 'tmp'"
        " || (has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name)))))"
    )


def _never(field: str, message: str) -> Rule:
    """A switch that may not be on."""
    return Rule(
        cel=f"!has(self.{field}) || !self.{field}",
        holds=lambda pod: not getattr(pod, to_snake(field)),
        message=message,
        field=field,
    )


RULES: dict[str, tuple[Rule, ...]] = {
    "PodSpec": (
        _never("hostNetwork", "must not be on: versions that run side by side on a node cannot share its ports"),
        Rule(
            cel=f"{_mounted('containers')} && {_mounted('initContainers')}",
            holds=_volumes_are_there,
            message="must have a volume for every volumeMount",
            field="volumes",
        ),
        Rule(
            cel="!has(self.dnsPolicy) || self.dnsPolicy != 'None'"
            " || (has(self.dnsConfig) && has(self.dnsConfig.nameservers) && self.dnsConfig.nameservers.size() > 0)",
            holds=lambda pod: pod.dns_policy != "None" or bool(pod.dns_config and pod.dns_config.nameservers),
            message="must have nameservers where dnsPolicy is None",
            field="dnsConfig",
        ),
        Rule(
            cel="!has(self.initContainers) || !has(self.containers)"
            " || self.initContainers.all(first, !self.containers.exists(second, first.name == second.name))",
            holds=lambda pod: (
                not {one.name for one in pod.init_containers or ()} & {one.name for one in pod.containers or ()}
            ),
            message="must not have the name of a container",
            field="initContainers",
        ),
        Rule(
            cel=f"!has(self.initContainers) || !self.initContainers.exists(one, one.name == '{MODEL_CONTAINER}')",
            holds=lambda pod: all(one.name != MODEL_CONTAINER for one in pod.init_containers or ()),
            message=f"must not have the name of the container that serves the model, {MODEL_CONTAINER}",
            field="initContainers",
        ),
        Rule(
            cel="!has(self.initContainers) || self.initContainers.all(one, has(one.image) && one.image != '')",
            holds=lambda pod: all(one.image for one in pod.init_containers or ()),
            message="must have an image each",
            field="initContainers",
        ),
    ),
    "Container": (
        Rule(
            cel=f"(self.name == '{MODEL_CONTAINER}') != (has(self.image) && self.image != '')",
            holds=lambda container: (container.name == MODEL_CONTAINER) != bool(container.image),
            message=f"must be set for a container of your own, not for {MODEL_CONTAINER}: that runs spec.model.image",
            field="image",
        ),
        Rule(
            cel="!has(self.ports) || self.ports.all(a, self.ports.exists_one(b, a.containerPort == b.containerPort"
            " && (has(a.protocol) ? a.protocol : 'TCP') == (has(b.protocol) ? b.protocol : 'TCP')))",
            holds=lambda container: len(set(_ports(container))) == len(_ports(container)),
            message="must not have a port twice",
            field="ports",
        ),
        Rule(
            cel="!has(self.ports) || self.ports.all(a, !has(a.name) || self.ports.exists_one(b, has(b.name)"
            " && a.name == b.name))",
            holds=lambda container: _each_once(port.name for port in container.ports or () if port.name is not None),
            message="must not have a name twice",
            field="ports",
        ),
        Rule(
            cel=f"self.name == '{MODEL_CONTAINER}' || !has(self.ports)"
            f" || !self.ports.exists(port, has(port.name) && port.name == '{PORT_NAME}')",
            holds=lambda container: (
                container.name == MODEL_CONTAINER or all(port.name != PORT_NAME for port in container.ports or ())
            ),
            message=f"must not be named {PORT_NAME}, as the port of the model is",
            field="ports",
        ),
        Rule(
            cel=f"self.name != '{MODEL_CONTAINER}' || !has(self.env)"
            f" || self.env.all(variable, !(variable.name in {cel_list(OWN_VARIABLES)}))",
            holds=lambda container: (
                container.name != MODEL_CONTAINER
                or all(variable.name not in OWN_VARIABLES for variable in container.env or ())
            ),
            message="must not set BENTOML_PORT: that is spec.serving.port",
            field="env",
        ),
    ),
    "SecurityContext": (
        Rule(
            cel="!has(self.privileged) || !self.privileged"
            " || (has(self.allowPrivilegeEscalation) && self.allowPrivilegeEscalation)",
            holds=lambda context: not context.privileged or bool(context.allow_privilege_escalation),
            message="must be true where privileged is",
            field="allowPrivilegeEscalation",
        ),
    ),
    "ContainerPort": (
        Rule(
            cel="!has(self.hostPort) || self.hostPort == 0",
            holds=lambda port: not port.host_port,
            message="must not be set: versions that run side by side on a node cannot share its ports",
            field="hostPort",
        ),
    ),
    "EnvVar": (
        Rule(
            cel="!has(self.valueFrom) || !has(self.value) || self.value == ''",
            holds=lambda variable: variable.value_from is None or not variable.value,
            message="only one of value and valueFrom may be set",
        ),
    ),
    "EnvVarSource": (
        Rule(
            cel=_one_of(_VALUE_SOURCES),
            holds=lambda source: _set(source) == 1,
            message=f"must have exactly one of {', '.join(_VALUE_SOURCES)}",
        ),
    ),
    "Volume": (
        Rule(
            cel=_one_of(_SOURCES),
            holds=lambda volume: _set(volume) == 1,
            message="must have exactly one source, like emptyDir, configMap or persistentVolumeClaim",
        ),
    ),
    "Toleration": (
        Rule(
            cel="(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
            holds=lambda toleration: bool(toleration.key) or toleration.operator == "Exists",
            message="must have a key unless operator is Exists",
        ),
        Rule(
            cel="!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
            holds=lambda toleration: toleration.operator != "Exists" or not toleration.value,
            message="must not have a value where operator is Exists",
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            holds=lambda toleration: toleration.toleration_seconds is None or toleration.effect == "NoExecute",
            message="must not have tolerationSeconds unless effect is NoExecute",
        ),
    ),
}


def _each_once(names: Iterable[str]) -> bool:
    found = list(names)
    return len(set(found)) == len(found)
