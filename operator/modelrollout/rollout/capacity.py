"""How many pods carry which weight."""

from math import ceil

FULL_WEIGHT = 100


def pods_needed(replicas: int, weight: int) -> int:
    """Pods that carry `weight` percent of the traffic, when `replicas` pods carry all of it. At least one."""
    return max(1, ceil(replicas * weight / FULL_WEIGHT))


def weight_affordable(replicas: int, ready: int) -> int:
    """The largest weight in percent that `ready` pods can carry, when `replicas` pods carry all of the traffic."""
    return min(FULL_WEIGHT, FULL_WEIGHT * ready // replicas)
