"""Up to where the metrics are judged, and what is remembered of them."""

from math import isfinite
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel, Time


class ChampionHistory(ApiModel):
    """What the champion did before the rollout, as one gate counts it. It sets the test up and is no evidence."""

    gate: str
    """Name of the gate."""
    requests: int
    """Requests that were counted."""
    bad: int
    """How many of them were bad."""
    dispersion: float
    """How much more the bad counts of its pods vary than those of independent requests; the test allows for it."""
    pod_spread: float = 0.0
    """How much its pods differed for good, as a part of its rate; as much is put down to the challenger's pods."""


class TrafficSplit(ApiModel):
    """How the requests were split since the weights last changed, and whether that is as the weights say."""

    champion_weight: int
    """Percent of the traffic for the champion, or for the service that is compared with in its place."""
    challenger_weight: int
    """Percent of the traffic for the challenger."""
    from_window: int
    """Index of the first scrape window by which these weights surely were in force."""
    requests: int = 0
    """Requests of both that were counted after it."""
    challenger_requests: int = 0
    """How many of them went to the challenger."""
    state: str | None = None
    """State of the test, from which it goes on after a restart. Not meant for people."""


class WeightChanges(ApiModel):
    """When the weights of the versions that are compared were changed: answers from before may be counted late."""

    champion_weight: int
    """Percent of the traffic for what the challenger is compared with, as the gateways last accepted it."""
    challenger_weight: int
    """Percent of the traffic for the challenger, as the gateways last accepted it."""
    changed: int
    """Index of the last scrape window in which they were changing."""
    lowered: int | None = None
    """Index of the last scrape window in which the challenger's part was falling."""
    challenger_most: float = 1.0
    """The largest part of the requests to both, 0..1, that the challenger had while its late answers are awaited."""
    champion_least: float = 0.0
    """Likewise the smallest part of what it is compared with."""


class EvidenceCheckpoint(ApiModel):
    """Up to where the recorded metrics are counted in the states of the gates."""

    window: int
    """Index of the last scrape window that was counted: unix time divided by the scrape interval, rounded down."""
    at: Time
    """When it was written."""
    history: Annotated[tuple[ChampionHistory, ...], Field(max_length=16)] = ()
    """What the champion did before, for every gate that was counted for long enough."""
    weights: WeightChanges | None = None
    """When the weights were changed last."""
    split: TrafficSplit | None = None
    """How the requests are split, while the weights are in force."""
    requests_per_second: str | None = None
    """Requests to all versions together, smoothed over minutes."""

    @property
    def traffic(self) -> float | None:
        """The requests per second as a number; None while they are not known."""
        try:
            traffic = float(self.requests_per_second or "nan")
        except ValueError:
            return None
        return traffic if isfinite(traffic) and traffic >= 0 else None
