"""Where the API server is and how to log in: that of the pod we run in, or a kubeconfig."""

import logging
import os
from pathlib import Path

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import (
    ConfigException,
    kube_config,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

from modelrollout.kube.transport import OfficialTransport

_LOG = logging.getLogger(__name__)

DEFAULT_NAMESPACE = "default"

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

# What comes of a file that is no kubeconfig; the package checks little of what it reads.
_BROKEN = (ConfigException, yaml.YAMLError, OSError, AttributeError, KeyError, TypeError, ValueError)


class NoAccess(Exception):
    """There is no usable configuration; the text says why, for a person."""


async def connect(kubeconfig: str | None = None, context: str | None = None) -> OfficialTransport:
    """Connections to the API server of the pod we run in, unless KUBECONFIG or an argument says otherwise.

    kubeconfig: path of a file in place of $KUBECONFIG or ~/.kube/config. context: one of its contexts in place of the
    current one. Raises NoAccess.
    """
    configuration = Configuration()
    await load(configuration, kubeconfig, context)

    async def renew() -> bool:
        try:
            await load(configuration, kubeconfig, context)
        except NoAccess as error:
            _LOG.warning("no new credentials: %s", error)
            return False
        return True

    return OfficialTransport(configuration, renew)


async def load(configuration: Configuration, kubeconfig: str | None = None, context: str | None = None) -> None:
    """Bring the address and the present credentials into a configuration. Raises NoAccess."""
    try:
        if _is_in_pod(kubeconfig, context):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                _existing(kubeconfig), context=context, client_configuration=configuration
            )
    except _BROKEN as error:
        raise NoAccess(str(error)) from error


def default_namespace(kubeconfig: str | None = None, context: str | None = None) -> str:
    """The namespace that the same configuration names. Raises NoAccess."""
    if _is_in_pod(kubeconfig, context) and _POD_NAMESPACE.exists():
        return _POD_NAMESPACE.read_text().strip()
    try:
        contexts, active = list_kube_config_contexts(_existing(kubeconfig))  # type: ignore[no-untyped-call]
    except _BROKEN as error:
        raise NoAccess(str(error)) from error
    chosen = next((entry for entry in contexts if entry["name"] == context), active)
    return str(chosen["context"].get("namespace") or DEFAULT_NAMESPACE)


def _is_in_pod(kubeconfig: str | None, context: str | None) -> bool:
    named = kubeconfig is not None or context is not None or "KUBECONFIG" in os.environ
    return "KUBERNETES_SERVICE_HOST" in os.environ and not named


def _existing(kubeconfig: str | None) -> str:
    """Paths of kubeconfigs to merge, of which at least one is there."""
    paths = kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    if not any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path):
        raise ConfigException(f"there is no kubeconfig {paths}")
    return paths
