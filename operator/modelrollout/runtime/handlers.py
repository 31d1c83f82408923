"""kopf as an event source: every handler only says which ModelRollout to look at.

No timers, daemons or change handlers: those need finalizers and annotations on the user's object, and kopf's own
patches, which end a timer for good when they fail. A handler that only adds to a queue cannot fail.
"""

from collections.abc import Callable
from typing import Any

import kopf

from modelrollout.ports import MODEL_ROLLOUT
from modelrollout.runtime.access import WATCHED
from modelrollout.runtime.queue import Key
from modelrollout_contract.objects import ROLLOUT_LABEL


def build_registry(add: Callable[[Key], None]) -> kopf.OperatorRegistry:
    """Handlers that call `add` for every event about a ModelRollout or an object that was made for one."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_via_client)

    async def rollout_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        add(Key(namespace or "", name or ""))

    async def object_changed(namespace: str | None, labels: Any, **_: Any) -> None:
        if name := labels.get(ROLLOUT_LABEL):
            add(Key(namespace or "", name))

    for watched in WATCHED:
        handler = rollout_changed if watched.kind == MODEL_ROLLOUT else object_changed
        kopf.on.event(watched.group, watched.version, watched.kind.plural, registry=registry)(handler)
    return registry


def build_settings() -> kopf.OperatorSettings:
    """kopf's settings: watch only what is ours, post nothing, peer with nobody."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 270
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.process.ultimate_exiting_timeout = 20
    for watched in WATCHED:
        if watched.kind != MODEL_ROLLOUT:
            resource = (watched.group, watched.version, watched.kind.plural)
            settings.watching.label_selectors[resource] = ROLLOUT_LABEL
    return settings
