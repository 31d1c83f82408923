"""Versions that are let go, and versions that were found bad."""

from collections.abc import Collection

from modelrollout.api.commands import Command
from modelrollout.api.status import (
    COMPARED_LIMIT,
    QUARANTINE_LIMIT,
    ComparedVersion,
    QuarantinedVersion,
    RetiringVersion,
    Status,
    Version,
)
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import under_way


def retire(draft: Draft, version: Version) -> None:
    """Let a version go once it has no traffic."""
    draft.change(retiring=(*draft.status.retiring, RetiringVersion(**dict(version.revision), since=draft.now)))


def unretire(draft: Draft, version: Version) -> None:
    """Keep a version that was about to be let go."""
    remove_retired(draft, {version.hash})


def remove_drained(draft: Draft) -> None:
    """Let go of retiring versions that no gateway has sent any traffic to for the drain time.

    One of them may have to serve while no version that is to stay can.
    """
    drain, status = draft.spec.serving.drain.timedelta, draft.status
    draft.change(retiring=tuple(_drained(draft, retiring) for retiring in status.retiring))
    staying = (status.champion, status.challenger, status.previous, status.baseline)
    if not any(draft.situation.pods(version).ready for version in staying if version):
        return
    remove_retired(
        draft,
        {r.hash for r in draft.status.retiring if r.drained_since is not None and draft.now - r.drained_since >= drain},
    )


def _drained(draft: Draft, retiring: RetiringVersion) -> RetiringVersion:
    """Note since when the gateways have accepted weight 0. While they do not answer what they do is not known."""
    route = draft.observation.route
    without_traffic = route.settled and route.exposure(retiring.hash) == 0
    since = (retiring.drained_since or draft.now) if without_traffic else None
    return retiring.model_copy(update={"drained_since": since})


def remove_retired(draft: Draft, removable: Collection[str]) -> None:
    """Forget retiring versions, by hash, whose pods may be removed now."""
    draft.change(retiring=tuple(r for r in draft.status.retiring if r.hash not in removable))


def quarantine(draft: Draft, version: Version, reason: str, message: str) -> None:
    """Remember a version as bad, so that it is not tried again by itself."""
    entry = QuarantinedVersion(
        **dict(version.revision),
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


def count_comparison(draft: Draft, version: Version) -> None:
    """Note that a comparison of a version begins, whatever comes of it."""
    others = [kept for kept in draft.status.compared if kept.hash != version.hash]
    entry = ComparedVersion(hash=version.hash, times=1 + comparisons(draft.status, version))
    draft.change(compared=(*others, entry)[-COMPARED_LIMIT:])


def count_edits(draft: Draft) -> int:
    """Which comparison of the version under judgement this is, from 1. A gate that was edited begins another one.

    Its test begins anew, so that edits could else buy a verdict as retries could.
    """
    status, rollout = draft.status, under_way(draft.status)
    attempt = rollout.progress.attempt if rollout else status.watch.attempt if status.watch else 1
    digests = {gate.name: gate.digest for gate in draft.spec.gates}
    if all(gate.digest in (None, digests.get(gate.name, gate.digest)) for gate in status.gates):
        return attempt
    if rollout:
        count_comparison(draft, rollout.challenger)
        draft.progress(rollout, attempt=attempt + 1)
    elif status.watch:
        draft.change(watch=status.watch.model_copy(update={"attempt": attempt + 1}))
    return attempt + 1


def comparisons(status: Status, version: Version) -> int:
    """How many comparisons of a version began, as far as they are remembered."""
    begun = next((entry.times for entry in status.compared if entry.hash == version.hash), 0)
    # Until 0.1 only rollbacks were counted.
    return max(begun, failures(status, version))


def failures(status: Status, version: Version) -> int:
    """How often a version was rolled back, as far as it is remembered."""
    entry = _entry(status, version)
    return entry.failures if entry else 0


def _entry(status: Status, version: Version) -> QuarantinedVersion | None:
    return next((entry for entry in status.quarantine if entry.hash == version.hash), None)
