"""Serving: the champion is alone. Nothing is compared."""

from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.stages.rules import StageRules
from modelrollout.rollout.transitions import note_serving


def _advance(draft: Draft) -> None:
    champion = draft.status.champion
    if champion and draft.status.serving_since is None and draft.situation.pods(champion).ready > 0:
        note_serving(draft, champion)


RULES = StageRules(
    phase=Phase.STABLE,
    successors=frozenset({Stage.PREPARING}),
    splits_traffic=False,
    counts_evidence=False,
    advance=_advance,
)
