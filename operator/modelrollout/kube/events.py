"""Kubernetes Events about a ModelRollout, as `kubectl describe` shows them."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modelrollout.api.text import plain
from modelrollout.kube.ownership import Owner
from modelrollout.ports import EVENT, FIELD_MANAGER, MODEL_ROLLOUT, KubeClient, KubeError, Manifest
from modelrollout.rollout.plan import Event

_LOG = logging.getLogger(__name__)

_SERIES_WINDOW = timedelta(minutes=10)
_MAX_MESSAGE = 1024  # characters, as events.k8s.io allows


@dataclass(frozen=True, slots=True)
class _Series:
    first: datetime
    last: datetime
    count: int


class EventRecorder:
    """Writes Events. One that repeats within ten minutes counts up instead of becoming another object.

    `now` is a parameter for tests and must give aware times.
    """

    def __init__(self, client: KubeClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now
        self._series: dict[tuple[str, Event], _Series] = {}

    async def record(self, owner: Owner, event: Event) -> None:
        """Write an Event about the ModelRollout. A failure is logged, not raised: Events are best effort."""
        now = self._now()
        self._drop_past(now)
        earlier = self._series.pop((owner.uid, event), None)
        series = _Series(earlier.first, now, earlier.count + 1) if earlier else _Series(now, now, 1)
        self._series[owner.uid, event] = series
        try:
            await self._client.apply(_manifest(owner, event, series))
        except KubeError as error:
            about = f"{owner.namespace}/{owner.name}"
            _LOG.warning("Event %s about %s was not written: %s", event.reason, about, error)

    def _drop_past(self, now: datetime) -> None:
        """Forget the series that are over. The dictionary has them in the order of their last Event."""
        while self._series:
            key, oldest = next(iter(self._series.items()))
            if now - oldest.last < _SERIES_WINDOW:
                return
            del self._series[key]


def _manifest(owner: Owner, event: Event, series: _Series) -> Manifest:
    key = "\0".join((owner.uid, event.type, event.reason, event.message, series.first.isoformat()))
    suffix = hashlib.sha256(key.encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"namespace": owner.namespace, "name": f"{owner.name}.{suffix}"},
        "involvedObject": {
            "apiVersion": MODEL_ROLLOUT.api_version,
            "kind": MODEL_ROLLOUT.kind,
            "namespace": owner.namespace,
            "name": owner.name,
            "uid": owner.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": plain(event.message, _MAX_MESSAGE),
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "count": series.count,
        "firstTimestamp": _timestamp(series.first),
        "lastTimestamp": _timestamp(series.last),
    }


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
