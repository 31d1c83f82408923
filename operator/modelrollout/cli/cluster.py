"""Access to ModelRollouts on an API server, as the user of the command line."""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any, cast

import urllib3
from kubernetes.client import ApiClient, ApiException, Configuration, CustomObjectsApi
from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config

from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.cli.console import CommandFailed
from modelrollout.kube.official import load_configuration
from modelrollout.kube.retry import RETRIABLE_STATUSES
from modelrollout.ports import MODEL_ROLLOUT, Manifest

FIELD_MANAGER = "kubectl-modelrollout"

_GROUP, _VERSION = MODEL_ROLLOUT.api_version.split("/")
_TIMEOUT = (5.0, 30.0)
_POLL_SECONDS = 2.0
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Unanswered(CommandFailed):
    """The API server could not be reached or could not answer; trying again may help."""


class Cluster:
    """The ModelRollouts of one namespace. Every method raises CommandFailed with the API server's reason."""

    def __init__(self, configuration: Configuration, namespace: str) -> None:
        configuration.retries = False
        self.namespace = namespace
        self._host = configuration.host
        self._objects = CustomObjectsApi(ApiClient(configuration))

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Cluster":
        """The cluster and namespace that the options of `add_connection` name."""
        try:
            configuration = _configuration(options.kubeconfig, options.context)
            namespace = options.namespace or _namespace(options.kubeconfig, options.context)
        except ConfigException as error:
            raise CommandFailed(f"no cluster to talk to: {error}") from error
        return cls(configuration, namespace)

    def get(self, name: str) -> Manifest:
        """A ModelRollout as the API server has it."""
        get, what = self._objects.get_namespaced_custom_object, f"get ModelRollout {self.namespace}/{name}"
        return cast(Manifest, self._call(get, self.namespace, MODEL_ROLLOUT.plural, name, what=what))

    def read(self, name: str) -> ModelRollout:
        """A ModelRollout. Fails too if its manifest is one that the operator refuses."""
        rollout = parse_rollout(self.get(name))
        if not isinstance(rollout, ModelRollout):
            raise CommandFailed(f"the manifest of {name} is invalid: {'; '.join(map(str, rollout))}")
        return rollout

    def list(self, *, everywhere: bool = False) -> list[Manifest]:
        """All ModelRollouts of the namespace, or of all namespaces."""
        if everywhere:
            listed = self._call(
                self._objects.list_cluster_custom_object, MODEL_ROLLOUT.plural, what="list ModelRollouts"
            )
        else:
            listed = self._call(
                self._objects.list_namespaced_custom_object,
                self.namespace,
                MODEL_ROLLOUT.plural,
                what=f"list ModelRollouts in {self.namespace}",
            )
        return cast("list[Manifest]", listed["items"])

    def annotate(self, name: str, annotation: str, value: str) -> None:
        """Set one annotation of a ModelRollout and touch nothing else."""
        self._call(
            self._objects.patch_namespaced_custom_object,
            self.namespace,
            MODEL_ROLLOUT.plural,
            name,
            {"metadata": {"annotations": {annotation: value}}},
            what=f"annotate ModelRollout {self.namespace}/{name}",
            field_manager=FIELD_MANAGER,
            _content_type="application/merge-patch+json",
        )

    def poll(self, name: str, timeout: float | None) -> Iterator[ModelRollout]:
        """The ModelRollout again and again, every other second, until `timeout` seconds (None: for ever) are over.

        An API server that has answered once is asked again if it does not.
        """
        deadline = inf if timeout is None else time.monotonic() + timeout
        answered = False
        while True:
            try:
                rollout = self.read(name)
            except Unanswered:
                if not answered:
                    raise
            else:
                answered = True
                yield rollout
            if time.monotonic() + _POLL_SECONDS > deadline:
                return
            time.sleep(_POLL_SECONDS)

    def _call(self, method: Callable[..., object], *arguments: object, what: str, **options: object) -> Any:
        try:
            return method(_GROUP, _VERSION, *arguments, **options, _request_timeout=_TIMEOUT)
        except ApiException as error:
            message = f"cannot {what}: {_reason(error)}"
            raise (Unanswered if error.status in RETRIABLE_STATUSES else CommandFailed)(message) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unanswered(f"cannot {what}: no answer from {self._host}: {error}") from error


def _configuration(kubeconfig: str | None, context: str | None) -> Configuration:
    if kubeconfig is None:
        return load_configuration(context)
    configuration = Configuration()
    load_kube_config(  # type: ignore[no-untyped-call]
        config_file=kubeconfig, context=context, client_configuration=configuration
    )
    return configuration


def _namespace(kubeconfig: str | None, context: str | None) -> str:
    if kubeconfig is None and context is None and "KUBECONFIG" not in os.environ and _POD_NAMESPACE.exists():
        return _POD_NAMESPACE.read_text()
    contexts, active = list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    chosen = next((entry for entry in contexts if entry["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _reason(error: ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {error.status} {error.reason or ''}".strip()
