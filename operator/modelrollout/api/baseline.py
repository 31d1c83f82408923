"""What a challenger is compared with."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.model import Model
from modelrollout.api.rules import Rule
from modelrollout.api.units import Integer, Percent


class ChampionBaseline(ApiModel):
    """Compare with the champion, which gets its share of the same traffic at the same time."""


class ServiceBaseline(Model):
    """A simple service, deployed beside while a rollout and its watch run: the last value, the majority class."""

    weight: Annotated[Integer, Field(ge=1, le=50)] = 5
    """Its share of the traffic in percent, taken from the champion's."""
    replicas: Annotated[Integer, Field(ge=1, le=1000)] = 1
    """Pods that carry it."""


class Baseline(ApiModel):
    """What a challenger is compared with: the champion, if no member is set."""

    # No member is a default that the API server fills in: an edit that adds another one would then be refused.
    rules = (
        Rule(
            cel="[has(self.champion), has(self.fixed), has(self.service)].filter(kind, kind).size() <= 1",
            holds=lambda baseline: [baseline.champion, baseline.fixed, baseline.service].count(None) >= 2,
            message="only one of champion, fixed and service may be set",
        ),
    )

    champion: ChampionBaseline | None = None
    """Compare with the champion, as without any member."""
    fixed: Annotated[dict[str, Percent], Field(min_length=1, max_length=16)] | None = None
    """Compare the gates named here with a fixed share of bad requests, e.g. `labels: 8%` for people who are right in
    92% of the cases. The other gates compare with the champion.
    """

    service: ServiceBaseline | None = None
    """Compare with a simple service that a model has to beat to be worth its cost. It is never promoted."""

    @property
    def is_champion(self) -> bool:
        """Whether every gate compares with the champion."""
        return not (self.fixed or self.service)

    @property
    def figures(self) -> Mapping[str, float]:
        """The fixed shares of bad requests by gate, as fractions."""
        return {gate: share.fraction for gate, share in (self.fixed or {}).items()}
