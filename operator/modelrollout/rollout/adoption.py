"""A ModelRollout that was deleted and made again finds what its predecessor left: versions that serve."""

from modelrollout.api.status import Role
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.observation import FoundVersion
from modelrollout.rollout.transitions import adopt

# A promotion that was still being watched was not proven: then the champion before it is the one to trust.
_TRUST = (Role.PREVIOUS, Role.CHAMPION)


def adopt_what_serves(draft: Draft) -> bool:
    """Make the version that served under this name the champion again, and keep the others until they have no traffic.

    What was on probation, or rolled back, does not become the champion: it has to prove itself anew, or stays in
    quarantine. Returns whether there was anything to adopt.
    """
    found = draft.observation.found
    champion = _trusted(found, {entry.hash for entry in draft.observation.quarantine if not entry.released})
    if champion is None:
        return False
    others = [version.version for version in found if version.version.hash != champion.version.hash]
    adopt(draft, champion.version, others, draft.observation.quarantine, guessed=champion.role not in _TRUST)
    return True


def _trusted(found: tuple[FoundVersion, ...], quarantined: set[str]) -> FoundVersion | None:
    """The champion among the versions that were found; where no role was noted, the one with most traffic."""
    for role in _TRUST:
        if noted := [version for version in found if version.role is role]:
            return max(noted, key=_traffic)
    unnoted = [version for version in found if version.role is None and version.version.hash not in quarantined]
    return max(unnoted, key=_traffic, default=None)


def _traffic(version: FoundVersion) -> tuple[int, str]:
    return version.weight, version.version.hash
