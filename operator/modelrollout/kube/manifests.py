"""The objects of a version: its Service and its Deployment."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from modelrollout.api.identity import workload_name
from modelrollout.api.serving import Serving
from modelrollout.api.status import Version
from modelrollout.kube.configuration import with_copies
from modelrollout.kube.merge import NotMergeable, merge
from modelrollout.kube.ownership import Owner
from modelrollout.ports import DEPLOYMENT, SERVICE, Invalid, Manifest
from modelrollout_contract.objects import BENTO_ANNOTATION, ROLLOUT_LABEL, VERSION_LABEL

MODEL_CONTAINER = "model"
PORT_NAME = "http"
# Not the container's port: that may be edited, and route and Service cannot change in the same moment.
SERVICE_PORT = 80

# Gateways learn of a terminating pod later than its kubelet: it serves on this long before it stops.
_PRE_STOP_SECONDS = 10
_TERMINATION_SECONDS = 60
# Gateways keep idle connections to the pods open, Envoy for an hour. If the pod closes them first (BentoML: after 5 s),
# a request that is just being sent on one fails.
_KEEP_ALIVE_SECONDS = 3900
_MIN_READY_SECONDS = 2
_STARTUP_PERIOD_SECONDS = 2

# The user that `bentoml containerize` makes. Its image has the name, but only a number proves it is not root.
_BENTOML_UID = 1034


CHILD_KINDS = (SERVICE, DEPLOYMENT)
"""Kinds of the objects that a version has."""


def children(
    owner: Owner, serving: Serving, version: Version, replicas: int, copies: Mapping[str, str] | None = None
) -> list[Manifest]:
    """Every object of a version that is to have `replicas` pods, in the order in which to make them.

    serving: as its revision has it, never as the present spec does. copies: as `with_copies` takes them.
    Raises Invalid if the pod template cannot be built.
    """
    deployment = build_deployment(owner, serving, version, replicas)
    deployment["spec"]["template"] = with_copies(deployment["spec"]["template"], copies or {})
    return [build_service(owner, version), deployment]


def build_deployment(owner: Owner, serving: Serving, version: Version, replicas: int) -> Manifest:
    """The Deployment that runs `replicas` pods of a version.

    `podTemplate` is merged over the generated pod template; the image and the labels that select
    the pods are not for it to change. Raises Invalid if its containers are no list of objects.
    """
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": _metadata(owner, version),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": _selector(owner, version)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
            },
            "minReadySeconds": _MIN_READY_SECONDS,
            # The API server wants it to be longer than minReadySeconds.
            "progressDeadlineSeconds": max(_deadline_seconds(serving), _MIN_READY_SECONDS + 1),
            "revisionHistoryLimit": 2,
            "template": _pod_template(owner, serving, version),
        },
    }


def build_service(owner: Owner, version: Version) -> Manifest:
    """The Service through which a version's pods get their share of the traffic."""
    port = {"name": PORT_NAME, "port": SERVICE_PORT, "targetPort": PORT_NAME, "protocol": "TCP"}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": _metadata(owner, version),
        "spec": {"type": "ClusterIP", "selector": _selector(owner, version), "ports": [port]},
    }


def _selector(owner: Owner, version: Version) -> dict[str, str]:
    return {ROLLOUT_LABEL: owner.name, VERSION_LABEL: version.hash}


def _metadata(owner: Owner, version: Version) -> Manifest:
    metadata = owner.metadata(workload_name(owner.name, version.hash))
    return {
        **metadata,
        "labels": {**metadata["labels"], VERSION_LABEL: version.hash},
        "annotations": {BENTO_ANNOTATION: version.bento},
    }


def _deadline_seconds(serving: Serving) -> int:
    return ceil(serving.progress_deadline.seconds)


def _pod_template(owner: Owner, serving: Serving, version: Version) -> Manifest:
    metadata = _metadata(owner, version)
    generated = {
        "metadata": {
            "labels": metadata["labels"],
            "annotations": {
                **metadata["annotations"],
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(serving.port),
                "prometheus.io/path": "/metrics",
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": _TERMINATION_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _BENTOML_UID,
                "runAsGroup": _BENTOML_UID,
                "fsGroup": _BENTOML_UID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_model_container(serving)],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }
    fixed = {
        "metadata": {"labels": metadata["labels"]},
        "spec": {"containers": [{"name": MODEL_CONTAINER, "image": version.image}]},
    }
    try:
        merged: Manifest = merge(generated, serving.pod_template.manifest())
    except NotMergeable as error:
        raise Invalid(f"spec.serving.podTemplate: {error}") from error
    containers = merged["spec"].get("containers")
    if not isinstance(containers, list) or not all(isinstance(item, Mapping) for item in containers):
        raise Invalid("spec.serving.podTemplate.spec.containers: must be a list of containers")
    template: Manifest = merge(merged, fixed)
    return template


def _model_container(serving: Serving) -> Manifest:
    environment = [
        {"name": "BENTOML_PORT", "value": str(serving.port)},
        # The root file system is read-only; what BentoML and its libraries write goes to the tmp volume.
        {"name": "BENTOML_HOME", "value": "/tmp/bentoml"},
        {"name": "HOME", "value": "/tmp"},
        {"name": "BENTOML_DO_NOT_TRACK", "value": "True"},
    ]
    return {
        "name": MODEL_CONTAINER,
        # What the entrypoint of a BentoML image takes.
        "args": ["serve", "--timeout-keep-alive", str(_KEEP_ALIVE_SECONDS)],
        "ports": [{"name": PORT_NAME, "containerPort": serving.port, "protocol": "TCP"}],
        "env": merge(environment, [variable.manifest() for variable in serving.env], "env"),
        "resources": serving.resources.manifest(),
        # Until the model is loaded: no liveness, and no restart before the version's deadline has passed.
        "startupProbe": _probe(
            "/readyz",
            periodSeconds=_STARTUP_PERIOD_SECONDS,
            failureThreshold=ceil(_deadline_seconds(serving) / _STARTUP_PERIOD_SECONDS) + 1,
        ),
        "readinessProbe": _probe("/readyz", periodSeconds=5, failureThreshold=3),
        "livenessProbe": _probe("/livez", periodSeconds=10, failureThreshold=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}},
        # The end of the log tells why a container that does not start gave up.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def _probe(path: str, **timing: Any) -> Manifest:
    return {"httpGet": {"path": path, "port": PORT_NAME}, "timeoutSeconds": 5, **timing}
