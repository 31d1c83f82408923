"""Settings of the operator that decisions depend on."""

from dataclasses import dataclass
from math import ceil

from modelrollout.api.strategy import Strategy

# The most scrape windows that one look at the metrics counts.
WINDOWS_AT_ONCE = 720


@dataclass(frozen=True, slots=True)
class Settings:
    """scrape_interval: seconds between two scrapes of a pod, as Prometheus is configured.

    scrape_lag: seconds after which a scrape can be read.
    """

    scrape_interval: float = 15.0
    scrape_lag: float = 1.0

    @property
    def history_windows(self) -> int:
        """The champion's scrape windows before a rollout that set its tests up: those of an hour, or of one look."""
        return min(ceil(3600 / self.scrape_interval), WINDOWS_AT_ONCE)

    @property
    def windows_per_minute(self) -> int:
        """The scrape windows that make a minute, at least one."""
        return max(1, round(60 / self.scrape_interval))

    def horizon(self, strategy: Strategy) -> int:
        """The scrape windows over which a rollout and the watch after it may be judged."""
        seconds = strategy.deadline.after.seconds + strategy.hold_back.for_.seconds
        return max(1, ceil(seconds / self.scrape_interval))
