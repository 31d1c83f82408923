"""Versions that are let go, and versions that were found bad."""

from collections.abc import Collection

from modelrollout.api.commands import Command
from modelrollout.api.status import QUARANTINE_LIMIT, QuarantinedVersion, RetiringVersion, Status, Version
from modelrollout.rollout.draft import Draft


def retire(draft: Draft, version: Version) -> None:
    """Let a version go once it has no traffic."""
    retiring = RetiringVersion(hash=version.hash, bento=version.bento, image=version.image, since=draft.now)
    draft.change(retiring=(*draft.status.retiring, retiring))


def unretire(draft: Draft, version: Version) -> None:
    """Keep a version that was about to be let go."""
    remove_retired(draft, {version.hash})


def remove_drained(draft: Draft) -> None:
    """Let go of retiring versions that have had no traffic for the drain time."""
    drain, route = draft.spec.serving.drain.timedelta, draft.observation.route
    remove_retired(
        draft,
        {
            retiring.hash
            for retiring in draft.status.retiring
            if route.weights.get(retiring.hash, 0) == 0 and draft.now - retiring.since > drain
        },
    )


def remove_retired(draft: Draft, removable: Collection[str]) -> None:
    """Forget retiring versions, by hash, whose pods may be removed now."""
    draft.change(retiring=tuple(r for r in draft.status.retiring if r.hash not in removable))


def quarantine(draft: Draft, version: Version, reason: str, message: str) -> None:
    """Remember a version as bad, so that it is not tried again by itself."""
    entry = QuarantinedVersion(
        hash=version.hash,
        bento=version.bento,
        image=version.image,
        reason=reason,
        message=message,
        at=draft.now,
        failures=1 + failures(draft.status, version),
    )
    others = [kept for kept in draft.status.quarantine if kept.hash != version.hash]
    draft.change(quarantine=(*others, entry)[-QUARANTINE_LIMIT:])


def retry(draft: Draft, version: Version) -> None:
    """Allow a version that was rolled back to be tried again. How often it failed stays on record."""
    draft.settle(Command.RETRY)
    if quarantined(draft.status, version) is None:
        return
    draft.change(
        quarantine=tuple(
            entry.model_copy(update={"released": True}) if entry.hash == version.hash else entry
            for entry in draft.status.quarantine
        )
    )
    message = f"{version.bento} may be rolled out again, as asked for by a retry"
    draft.record("Retry", "QuarantineReleased", message)


def quarantined(status: Status, version: Version) -> QuarantinedVersion | None:
    """The entry of a version that must not be tried again, or None."""
    entry = _entry(status, version)
    return entry if entry and not entry.released else None


def failures(status: Status, version: Version) -> int:
    """How often a version was rolled back, as far as it is remembered."""
    entry = _entry(status, version)
    return entry.failures if entry else 0


def _entry(status: Status, version: Version) -> QuarantinedVersion | None:
    return next((entry for entry in status.quarantine if entry.hash == version.hash), None)
