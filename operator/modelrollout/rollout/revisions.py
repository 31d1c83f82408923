"""Which revision the spec asks for, and which of the versions that are known it is."""

from collections.abc import Iterator
from typing import TypeVar

from modelrollout.api.identity import algorithm_of, serving_digest, version_of
from modelrollout.api.model import Model
from modelrollout.api.serving import Serving
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import FormerChampion, Status, Version
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.observation import Observation

V = TypeVar("V", bound=Version)


def follow_revision(draft: Draft) -> Version:
    """Note which revision the spec asks for, and return it.

    Versions of which an earlier release did not note how they are served are served as that release was told to: all of
    them in the same way. So an upgrade of the operator starts nothing.
    """
    spec, observation = draft.spec, draft.observation
    former = served_formerly(spec, observation)
    _complete(draft, former)
    wanted = known(spec.model, spec.serving, draft.status, observation)
    draft.change(wanted=wanted)
    return wanted


def served_formerly(spec: ModelRolloutSpec, observation: Observation) -> str:
    """Digest of how an earlier release served all of its versions."""
    return serving_digest(observation.served_before or spec.serving, observation.configuration)


def known(model: Model, serving: Serving, status: Status, observation: Observation) -> Version:
    """The version that is this revision: one that is known under whatever name, or else a new one.

    Another tag of the image that a version's pods run is the same revision.
    """
    wanted = version_of(model, serving, observation.configuration)
    candidates = (*_versions(status), *(found.version for found in observation.found), *observation.quarantine)
    same = (version.revision for version in candidates if _is_same(version, wanted, serving, observation))
    return next(same, wanted)


def _is_same(version: Version, wanted: Version, serving: Serving, observation: Observation) -> bool:
    algorithm = algorithm_of(version.serving)
    if version.bento != wanted.bento or algorithm is None:
        return False
    if version.serving != serving_digest(serving, observation.configuration, algorithm):
        return False
    return version.image == wanted.image or _digest(wanted.image) in {
        digest for digest in (_digest(version.image), _running(version, observation)) if digest
    }


def _digest(image: str) -> str:
    """The digest in a reference to an image; empty without one."""
    return image.partition("@")[2]


def _running(version: Version, observation: Observation) -> str:
    """The digest of the image that all ready pods of a version run; empty if that is not known."""
    pods = observation.versions.get(version.hash)
    return pods.image_digest if pods else ""


def _versions(status: Status) -> Iterator[Version]:
    present = (status.champion, status.challenger, status.previous, status.baseline, status.wanted)
    yield from filter(None, present)
    yield from (*status.retiring, *status.champions, *status.quarantine)


def says_how_versions_are_served(status: Status) -> bool:
    """Whether all versions of a status were noted by a release that notes how they are served."""
    return all(algorithm_of(version.serving) is not None for version in _versions(status))


def _complete(draft: Draft, serving: str) -> None:
    """Note how versions are served of which that is not known."""
    status = draft.status
    draft.change(
        champion=status.champion and served(status.champion, serving),
        challenger=status.challenger and served(status.challenger, serving),
        previous=status.previous and served(status.previous, serving),
        baseline=status.baseline and served(status.baseline, serving),
        retiring=tuple(served(version, serving) for version in status.retiring),
        quarantine=tuple(served(version, serving) for version in status.quarantine),
    )


def served(version: V, serving: str) -> V:
    """The version with how it is served, a digest of `serving_digest`, if that was not noted."""
    if algorithm_of(version.serving) is not None:
        return version
    return version.model_copy(update={"serving": serving})


def note_champion(draft: Draft) -> None:
    """Keep a champion that has proven itself among those that one can go back to."""
    status, limit = draft.status, draft.spec.revision_history_limit
    champions = status.champions
    champion = status.champion
    if champion and status.serving_since and status.watch is None:
        others = [former for former in champions if former.hash != champion.hash]
        if len(others) == len(champions) or champions[-1].hash != champion.hash:
            champions = (*others, FormerChampion(**dict(champion), since=status.serving_since))
    # The present one is none of those that one could go back to.
    draft.change(champions=champions[-(limit + 1) :])
