"""What a challenger is compared with."""

from modelrollout.api.base import ApiModel
from modelrollout.api.rules import Rule


class ChampionBaseline(ApiModel):
    """Compare with the champion, which gets its share of the same traffic at the same time."""


class Baseline(ApiModel):
    """What a challenger is compared with. Exactly one member is set."""

    rules = (
        Rule(
            cel="has(self.champion)",
            holds=lambda baseline: baseline.champion is not None,
            message="exactly one baseline must be set: champion",
        ),
    )

    champion: ChampionBaseline | None = None
    """Compare with the champion."""
