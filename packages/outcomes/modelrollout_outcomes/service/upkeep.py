"""What the service does by itself: count what has matured, and remove what is too old."""

import logging
import threading
import time

from modelrollout_outcomes.errors import OutcomesError
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.storage.pairs import release_inputs

_RETENTION_INTERVAL = 600.0
_PAIRED_WITHIN = 3600.0
"""Seconds after which nobody expects the champion's record of a mirrored request any more."""

_LOG = logging.getLogger(__name__)


class Upkeep:
    """A thread that does so until it is stopped. Several replicas may each have one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._removed_at = float("-inf")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop after what is being done."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except OutcomesError as error:
                _LOG.warning("Nothing is counted: %s", error)
            except Exception:
                _LOG.exception("Nothing is counted, because of a fault; it is tried again")
            if self._stop.wait(self._service.settings.count_interval):
                return

    def _look(self) -> None:
        self._service.maturing.run(self._service.clock())
        if time.monotonic() - self._removed_at > _RETENTION_INTERVAL:
            self._service.retention.run(self._service.clock())
            release_inputs(self._service.database, self._service.clock() - _PAIRED_WITHIN)
            self._removed_at = time.monotonic()
