"""Which version of which rollout this process serves."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Names that the operator gives to pods: the Deployment's (rollout, dash, hash), a ReplicaSet's and the pod's own.
_POD = re.compile(r"(?P<rollout>.+)-(?P<revision>[0-9a-f]{10})-[a-z0-9]{1,10}-[a-z0-9]{5}")
# A name that was too long for a Deployment ends in a digest.
_CUT = re.compile(r".{22,28}-[0-9a-f]{6}")
_SEARCH = re.compile(r"^search\s+([a-z0-9-]+)\.svc\.", re.MULTILINE)
_RESOLVER = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made a prediction. What is unknown is empty; version is the one in the Bento's tag, revision a hash."""

    namespace: str
    rollout: str
    version: str
    revision: str

    @property
    def known(self) -> bool:
        """Whether records of it can be counted for a version of a rollout."""
        return bool(self.namespace and self.rollout and self.version)


def identity(
    bento_version: str,
    environment: Mapping[str, str] = os.environ,
    host: str | None = None,
    resolver: Path = _RESOLVER,
) -> Identity:
    """The identity that the environment tells, or else what every pod of the operator shows.

    `MODELROLLOUT_NAMESPACE`, `_NAME`, `_VERSION` and `_REVISION` win. Without them the pod's name has rollout and
    revision, and the search list of its resolver begins with its namespace, so that no pod needs to be changed.

    bento_version: the version in the Bento's tag. host: name of the pod; that of this machine if None.
    """
    pod = _POD.fullmatch(socket.gethostname() if host is None else host)
    named = pod is not None and not _CUT.fullmatch(pod["rollout"])
    return Identity(
        namespace=environment.get("MODELROLLOUT_NAMESPACE") or (_namespace(resolver) if pod else ""),
        rollout=environment.get("MODELROLLOUT_NAME") or (pod["rollout"] if pod and named else ""),
        version=environment.get("MODELROLLOUT_VERSION") or bento_version,
        revision=environment.get("MODELROLLOUT_REVISION") or (pod["revision"] if pod else ""),
    )


def _namespace(resolver: Path) -> str:
    try:
        found = _SEARCH.search(resolver.read_text())
    except OSError:
        return ""
    return found[1] if found else ""
