"""Identity of a revision, and the names of what is made for it.

A revision is all that shapes the pods of a version: the model, the part of `spec.serving` that is not about how many
pods there are or how long things may take, and the content of the ConfigMaps and Secrets that it names.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from modelrollout.api.model import Model
from modelrollout.api.serving import Serving
from modelrollout.api.status import Version

# A ReplicaSet adds a dash and up to 10 characters, and the API server cuts what it generates a pod name from to 58,
# the last of which must remain the dash before the pod's own 5 characters: else no pattern tells versions apart.
_LONGEST_NAME = 58 - len("-") - 10 - len("-")
_HASH_LENGTH = 10
_LONGEST_PREFIX = _LONGEST_NAME - len("-") - _HASH_LENGTH
_DIGEST_LENGTH = 6
_SERVING_LENGTH = 16

ALGORITHM = 1
"""The newest one that digests revisions."""

# As they were when the algorithm was made. A default that changes in a later release is another matter: what the API
# server has filled in stays in the objects that there are.
_UNSAID: Mapping[str, Any] = {"port": 3000, "resources": {}, "env": [], "podTemplate": {}}


def version_of(model: Model, serving: Serving | None = None, configuration: Mapping[str, str] | None = None) -> Version:
    """The version that a model of the spec is, served in this way.

    configuration: digests of the content of ConfigMaps and Secrets, by `Kind/name`.
    """
    digest = serving_digest(serving or Serving(), configuration or {})
    content = {"bento": model.bento, "image": model.image}
    if digest != _UNSHAPED:
        content["serving"] = digest
    return Version(
        bento=model.bento, image=model.image, hash=_digest(_canonical(content), _HASH_LENGTH), serving=digest
    )


def shape(serving: Serving) -> dict[str, Any]:
    """The part of how a version is served that shapes its pods, as the user wrote it: without what is a default."""
    written = {
        "port": serving.port,
        "resources": serving.resources.manifest(),
        "env": [variable.manifest() for variable in serving.env],
        "podTemplate": serving.pod_template.manifest(),
    }
    return {field: value for field, value in written.items() if value != _UNSAID[field]}


def serving_digest(serving: Serving, configuration: Mapping[str, str], algorithm: int = ALGORITHM) -> str:
    """Digest of what shapes pods beside the model, after the number of the algorithm.

    What an earlier algorithm has digested is compared by that one, so that a new one starts no rollout. Raises KeyError
    for one that is not known.
    """
    return f"{algorithm}:{_ALGORITHMS[algorithm](serving, configuration)}"


def algorithm_of(digest: str | None) -> int | None:
    """The algorithm that made a digest of `serving_digest`; None if it is none that is known here."""
    number = (digest or "").partition(":")[0]
    return int(number) if number.isdecimal() and int(number) in _ALGORITHMS else None


def _first_algorithm(serving: Serving, configuration: Mapping[str, str]) -> str:
    content: dict[str, Any] = {"serving": shape(serving), "configuration": dict(configuration)}
    said = {part: value for part, value in content.items() if value}
    return _digest(_canonical(said), _SERVING_LENGTH)


_ALGORITHMS: Mapping[int, Callable[[Serving, Mapping[str, str]], str]] = {1: _first_algorithm}


def bento_version(bento: str) -> str:
    """The version in a Bento's tag: `v1` of `churn:v1`."""
    return bento.partition(":")[2]


def workload_name(rollout: str, version_hash: str) -> str:
    """Name of the Deployment and the Service of a version. At most 46 characters, a DNS label if `rollout` is one.

    rollout: name of the ModelRollout; a long one is cut and told apart by a digest.
    """
    if len(rollout) > _LONGEST_PREFIX:
        cut = rollout[: _LONGEST_PREFIX - _DIGEST_LENGTH - 1].rstrip("-")
        rollout = f"{cut}-{_digest(rollout, _DIGEST_LENGTH)}"
    return f"{rollout}-{version_hash}"


def pod_pattern(rollout: str, version_hash: str) -> str:
    """Regular expression that matches, as a whole, the names of a version's pods and of no other's."""
    return f"{workload_name(rollout, version_hash)}-[a-z0-9]+-[a-z0-9]+"


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


_UNSHAPED = serving_digest(Serving(), {})
