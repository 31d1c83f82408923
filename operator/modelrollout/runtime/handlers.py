"""kopf as an event source: every handler only takes an object into the cache and says which ModelRollout to look at.

No timers, daemons or change handlers: those need finalizers and annotations on the user's object, and kopf's own
patches, which end a timer for good when they fail. A handler that only adds to a queue cannot fail.
"""

from collections.abc import Callable
from typing import Any

import kopf

from modelrollout.ports import MODEL_ROLLOUT
from modelrollout.runtime.access import WATCHED
from modelrollout.runtime.changes import Changes
from modelrollout.runtime.queue import Key
from modelrollout.runtime.watching import Sessions
from modelrollout_contract.objects import ROLLOUT_LABEL


def build_registry(changes: Changes, add: Callable[[Key], None], sessions: Sessions) -> kopf.OperatorRegistry:
    """Handlers that call `add` for every event that is a reason to look at a ModelRollout."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(sessions.log_in)

    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        # kopf gives what it has parsed, and keeps nothing of it that would be changed.
        if key := changes.take(event["type"], dict(event["object"])):
            add(key)

    for watched in WATCHED:
        kopf.on.event(watched.group, watched.version, watched.kind.plural, registry=registry)(changed)
    return registry


class _NoDiffs(kopf.DiffBaseStorage):
    """No state of objects to compare with later: without change handlers nobody asks, and each would be copied."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


def build_settings() -> kopf.OperatorSettings:
    """kopf's settings: watch only what is ours, post nothing, peer with nobody."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.watching.server_timeout = 270
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.process.ultimate_exiting_timeout = 20
    for watched in WATCHED:
        if watched.kind != MODEL_ROLLOUT:
            resource = (watched.group, watched.version, watched.kind.plural)
            settings.watching.label_selectors[resource] = ROLLOUT_LABEL
    return settings
