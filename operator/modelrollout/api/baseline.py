"""What a challenger is compared with."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Rule
from modelrollout.api.units import Percent


class ChampionBaseline(ApiModel):
    """Compare with the champion, which gets its share of the same traffic at the same time."""


class Baseline(ApiModel):
    """What a challenger is compared with. Exactly one member is set."""

    rules = (
        Rule(
            cel="has(self.champion) != has(self.fixed)",
            holds=lambda baseline: (baseline.champion is None) != (baseline.fixed is None),
            message="exactly one baseline must be set: champion or fixed",
        ),
    )

    champion: ChampionBaseline | None = None
    """Compare with the champion."""
    fixed: Annotated[dict[str, Percent], Field(min_length=1, max_length=16)] | None = None
    """Compare the gates named here with a fixed share of bad requests, e.g. `labels: 8%` for people who are right in
    92% of the cases. The other gates compare with the champion.
    """

    @property
    def figures(self) -> Mapping[str, float]:
        """The fixed shares of bad requests by gate, as fractions."""
        return {gate: share.fraction for gate, share in (self.fixed or {}).items()}
