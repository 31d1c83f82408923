"""How champion and challenger follow `spec.model`."""

from modelrollout.api.status import Version
from modelrollout.rollout.adoption import adopt_what_serves
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import Life, UnderWay, Watched, life_of
from modelrollout.rollout.transitions import cancel, end_watch, install, return_to_previous, start
from modelrollout.rollout.versions import quarantined


def follow_model(draft: Draft, wanted: Version) -> None:
    """Bring the champion and the challenger in line with the model that the spec names.

    A new model becomes the challenger; naming the champion's model ends a rollout at once; naming the model that was
    champion until a moment ago, and is still warm, undoes the promotion. A quarantined model is left alone.
    """
    if draft.status.champion is None and adopt_what_serves(draft):
        follow_model(draft, wanted)
        return
    life = life_of(draft.status)
    if life is None or (draft.status.serving_since is None and life.champion.hash != wanted.hash):
        install(draft, wanted)
    elif wanted.hash == life.champion.hash:
        _stay(draft, life, wanted)
    elif isinstance(life, UnderWay) and life.challenger.hash == wanted.hash:
        return
    elif isinstance(life, Watched) and life.previous.hash == wanted.hash:
        message = f"The spec names {wanted.bento} again while it is still warm"
        return_to_previous(draft, life, "PromotionUndone", message, is_bad=False)
    else:
        _change(draft, life, wanted)


def _stay(draft: Draft, life: Life, champion: Version) -> None:
    """Keep the champion, and end a rollout of anything else."""
    if isinstance(life, UnderWay):
        message = f"The spec names {champion.bento} again, which is the champion; {life.challenger.bento} was withdrawn"
        cancel(draft, life, "RolloutCancelled", message)


def _change(draft: Draft, life: Life, wanted: Version) -> None:
    """Roll another version out, in place of one that may be on its way."""
    if isinstance(life, UnderWay):
        message = f"{wanted.bento} takes the place of {life.challenger.bento} as challenger"
        cancel(draft, life, "ChallengerReplaced", message)
    if quarantined(draft.status, wanted):
        return
    if isinstance(life, Watched):
        message = f"A rollout of {wanted.bento} begins; {life.previous.bento} is let go"
        end_watch(draft, life, "WatchSuperseded", message)
    start(draft, life.champion, wanted)
