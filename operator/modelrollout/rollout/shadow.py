"""Copies of requests: who gets them, and the load that they are."""

from modelrollout.api.shadow import Shadow
from modelrollout.api.status import Stage, Status
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.life import UnderWay, under_way
from modelrollout.rollout.observation import Copies

_WITH_COPIES = frozenset({Stage.PREPARING, Stage.SHADOWING})


def load_ahead(rollout: UnderWay, shadow: Shadow | None) -> int:
    """The percentage of the traffic that the challenger needs pods for, at its stage or the one after it.

    A gateway may copy all requests where fewer are asked for (GEP-3171 is optional), so that copies need pods for all.
    """
    return FULL_WEIGHT if shadow and rollout.stage in _WITH_COPIES else rollout.progress.target_weight


def copies(status: Status, shadow: Shadow | None) -> dict[str, Copies]:
    """The requests that are to be copied, by the hash of the version that gets them."""
    rollout = under_way(status)
    if not (shadow and rollout and rollout.stage is Stage.SHADOWING):
        return {}
    return {rollout.challenger.hash: Copies(shadow.percent, shadow.methods, shadow.path_prefixes)}
