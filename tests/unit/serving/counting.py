"""How counters grow."""

from collections.abc import Callable

from prometheus_client import REGISTRY


def grown(act: Callable[[], object], series: str, **labels: str) -> float:
    """By how much a series grows while something happens."""
    before = REGISTRY.get_sample_value(series, labels) or 0
    act()
    return (REGISTRY.get_sample_value(series, labels) or 0) - before
