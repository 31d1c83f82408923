"""How champion and challenger follow `spec.model`."""

from modelrollout.api.status import Version
from modelrollout.rollout.draft import Draft


def follow_model(draft: Draft, wanted: Version) -> None:
    """Bring the champion and the challenger in line with the model that the spec names.

    A new model becomes the challenger; naming the champion's model ends a rollout at once; naming the model that was
    champion until a moment ago, and is still warm, undoes the promotion. A quarantined model is left alone.
    """
    status = draft.status
    if status.champion is None or (status.serving_since is None and status.champion.hash != wanted.hash):
        draft.install(wanted)
        return
    if wanted.hash == status.champion.hash:
        if status.challenger:
            draft.cancel(
                "RolloutCancelled",
                f"The spec names {wanted.bento} again, which is the champion; {status.challenger.bento} was withdrawn",
            )
        return
    if status.challenger and status.challenger.hash == wanted.hash:
        return
    if status.previous and status.previous.hash == wanted.hash:
        draft.return_to_previous(
            "PromotionUndone", f"The spec names {wanted.bento} again while it is still warm", quarantine=False
        )
        return
    if status.challenger:
        draft.cancel("ChallengerReplaced", f"{wanted.bento} takes the place of {status.challenger.bento} as challenger")
    if draft.quarantined(wanted):
        return
    if status.previous:
        draft.end_watch("WatchSuperseded", f"A rollout of {wanted.bento} begins; {status.previous.bento} is let go")
    draft.start(wanted)
