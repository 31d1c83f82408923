"""Identity of a model version, and the names of what is made for it."""

import hashlib
import json

from modelrollout.api.model import Model
from modelrollout.api.status import Version

# A ReplicaSet adds a dash and up to 10 characters, and the API server cuts what it generates a pod name from to 58,
# the last of which must remain the dash before the pod's own 5 characters: else no pattern tells versions apart.
_LONGEST_NAME = 58 - len("-") - 10 - len("-")
_HASH_LENGTH = 10
_LONGEST_PREFIX = _LONGEST_NAME - len("-") - _HASH_LENGTH
_DIGEST_LENGTH = 6


def version_of(model: Model) -> Version:
    """The version that a model of the spec is."""
    canonical = json.dumps({"bento": model.bento, "image": model.image}, sort_keys=True, separators=(",", ":"))
    return Version(bento=model.bento, image=model.image, hash=_digest(canonical, _HASH_LENGTH))


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


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
