"""One active replica: a Lease says which, and a fence keeps the others from writing.

After client-go's leader election: a Lease counts as abandoned when it was not renewed for its duration as measured by
our own clock since we last saw it change, so clocks of different machines are never compared.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from modelrollout.ports import LEASE, Conflict, KubeClient, KubeError, Manifest

_LOG = logging.getLogger(__name__)

# Of a machine without a processor to spare, two requests of up to five seconds each must not be the end.
LEASE_SECONDS = 30
RENEW_SECONDS = 5.0
RETRY_SECONDS = 0.5
# Shorter than the Lease, so that we stop writing before anyone else may start.
FENCE_SECONDS = 22.0


class Leadership:
    """Holds the Lease for `identity`, which must be unique to this process."""

    def __init__(self, client: KubeClient, namespace: str, name: str, identity: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._renewed: float | None = None
        self._left: Manifest | None = None
        self._seen: tuple[Mapping[str, Any], float] | None = None

    @property
    def held(self) -> bool:
        """Whether this process may write now."""
        return self.remaining() > 0

    def remaining(self) -> float:
        """Seconds for which this process may go on writing, 0 if it may not. May be asked from any thread."""
        renewed = self._renewed
        return 0.0 if renewed is None else max(0.0, FENCE_SECONDS - (monotonic() - renewed))

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        while not await self._try():
            await asyncio.sleep(RENEW_SECONDS * random.uniform(0.4, 0.6))
        _LOG.info("leader: %s holds Lease %s/%s", self.identity, self._namespace, self._name)

    async def keep(self) -> None:
        """Renew until the leadership is lost; returns then. The process should end: another replica takes over."""
        renewed = True
        while self.held:
            await asyncio.sleep((RENEW_SECONDS if renewed else RETRY_SECONDS) * random.uniform(0.4, 0.6))
            renewed = await self._try()
        _LOG.error("leadership lost: Lease %s/%s was not renewed in time", self._namespace, self._name)

    async def release(self) -> None:
        """Give the Lease up, so that another replica need not wait for it to run out."""
        if not self.held:
            return
        self._renewed = None
        try:
            lease = await self._client.get(LEASE, self._namespace, self._name)
            if lease and lease["spec"].get("holderIdentity") == self.identity:
                await self._client.apply(self._lease(lease, holder=""))
        except KubeError as error:
            _LOG.warning("Lease was not released: %s", error)

    async def _try(self) -> bool:
        started = monotonic()
        try:
            # A leader knows its Lease: if it still is as it was left, one request renews it.
            lease, self._left = self._left or await self._client.get(LEASE, self._namespace, self._name), None
            if lease is None:
                self._left = await self._client.create(self._lease(None, self.identity))
            elif self._free(lease):
                self._left = await self._client.apply(self._lease(lease, self.identity))
            else:
                return False
        except Conflict:
            # Somebody was quicker, or an answer to ourselves was lost: the next try reads it anew.
            return False
        except KubeError as error:
            _LOG.warning("Lease %s/%s: %s", self._namespace, self._name, error)
            return False
        self._renewed = started
        return True

    def _free(self, lease: Manifest) -> bool:
        spec = lease.get("spec", {})
        if spec.get("holderIdentity") in ("", None, self.identity):
            return True
        if self._seen is None or self._seen[0] != spec:
            self._seen = (spec, monotonic())
        return monotonic() - self._seen[1] > float(spec.get("leaseDurationSeconds", LEASE_SECONDS))

    def _lease(self, earlier: Manifest | None, holder: str) -> Manifest:
        metadata = {"namespace": self._namespace, "name": self._name}
        if earlier is not None:
            # Only if it is still the Lease that was read: two replicas cannot both take it.
            metadata |= {key: earlier["metadata"][key] for key in ("uid", "resourceVersion")}
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
