"""How the rollout of the version that a spec asks for ended."""

from enum import StrEnum

from modelrollout.api.identity import version_of
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version


class Ending(StrEnum):
    """What became of a version. A promotion may still be undone while the old champion is warm (`status.watch`)."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    UNDECIDED = "undecided"


def wanted_by(spec: ModelRolloutSpec, status: Status) -> Version:
    """The revision that a spec asks for, as a status that is about this spec names it."""
    return status.wanted or version_of(spec.model, spec.serving)


def ending_of(spec: ModelRolloutSpec, status: Status) -> Ending:
    """The ending by a status that is about this spec; undecided while there is none."""
    wanted = wanted_by(spec, status)
    if status.champion and status.champion.hash == wanted.hash:
        return Ending.PROMOTED if status.serving_since else Ending.UNDECIDED
    under_way = status.challenger is not None and status.challenger.hash == wanted.hash
    rolled_back = any(entry.hash == wanted.hash and not entry.released for entry in status.quarantine)
    return Ending.ROLLED_BACK if rolled_back and not under_way else Ending.UNDECIDED
