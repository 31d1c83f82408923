"""Shows what happens in the cluster while it happens."""

import time

from modelrollout.api.conditions import ConditionStatus
from modelrollout.api.rollout import ModelRollout
from modelrollout_demo.console import Console, Style
from modelrollout_demo.rollouts import NAME, VERSIONS, Weights
from modelrollout_testkit.background import Background
from modelrollout_testkit.changes import Object
from modelrollout_testkit.load import Load
from modelrollout_testkit.tally import Tally

_TRAFFIC_SECONDS = 10.0
_COLUMNS = "{:<9} {:<6} {:<11} {:<10} {:<10} {:>6}   {}"
_HEADER = _COLUMNS.format("", "READY", "PHASE", "CHAMPION", "CHALLENGER", "WEIGHT", "VERDICT")


class Narrator:
    """Prints changes of a ModelRollout as `kubectl get --watch` would, and its route's weights, events and traffic."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: set[str] = set()
        self._row = ""
        self._weights = ""

    def begin(self) -> None:
        """Print the head of the table, for what follows."""
        self._console.happened(_HEADER, Style.BOLD)

    def changed(self, rollout: ModelRollout) -> None:
        """A row, if it differs from the last one."""
        status = rollout.status
        ready = next((c.status for c in status.conditions if c.type == "Ready"), ConditionStatus.UNKNOWN)
        row = _COLUMNS.format(
            "rollout",
            ready,
            status.phase or "",
            status.champion.bento if status.champion else "",
            status.challenger.bento if status.challenger else "",
            "" if status.weight is None else status.weight,
            status.verdict,
        )
        if row != self._row:
            self._row = row
            self._console.happened(row)

    def weighed(self, weights: Weights) -> None:
        """The split of the traffic, if it differs from the last one."""
        text = ", ".join(f"{version} {weight} %" for version, weight in sorted(weights.by_version.items()))
        if text != self._weights:
            self._weights = text
            self._console.happened(f"{'route':<9} {text}", Style.BOLD)

    def event(self, event: Object) -> None:
        """An Event, once."""
        if (name := f"{event['metadata']['name']}/{event.get('count')}") in self._shown:
            return
        self._shown.add(name)
        style = Style.BAD if event["type"] == "Warning" else Style.GOOD
        self._console.happened(f"{'event':<9} {event['type']} {event['reason']}   {event['message']}", style)


class TrafficReport(Background):
    """Says every ten seconds, while `with` lasts, who answered how many requests."""

    def __init__(self, console: Console, load: Load, slow_after: float) -> None:
        super().__init__()
        self._console = console
        self._load = load
        self._slow_after = slow_after

    def _run(self) -> None:
        since = time.time()
        while not self._stop.wait(_TRAFFIC_SECONDS):
            answers, since = self._load.since(since), time.time()
            parts = []
            for version in (*(f"{NAME}:{version}" for version in VERSIONS), ""):
                tally = Tally.of((answer for answer in answers if answer.version == version), self._slow_after)
                if tally.requests:
                    bad = f" ({tally.errors} errors, {tally.slow} slow)" if tally.bad else ""
                    parts.append(f"{version.partition(':')[2] or 'nobody'} {tally.requests}{bad}")
            self._console.happened(f"{'traffic':<9} {', '.join(parts) or 'no answers'}", Style.DIM)
