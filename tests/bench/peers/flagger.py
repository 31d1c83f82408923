"""Flagger's rule (fluxcd/flagger, pkg/controller/scheduler.go and scheduler_metrics.go).

At every interval the metric of the canary alone is compared with a fixed limit. A value beyond it, NaN or no value at
all is a failed check: it halts the advancement and adds one to a counter that successful checks never lower. The tick
that *finds* the counter at the threshold rolls back, before it checks anything.
"""

from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray


@dataclass
class Flagger:
    """The state of many analyses at once; one call of `tick` per interval."""

    limit: float
    threshold: int
    rollouts: int
    failed_checks: Array = field(init=False)
    rolled_back: Array = field(init=False)

    def __post_init__(self) -> None:
        self.failed_checks = np.zeros(self.rollouts, int)
        self.rolled_back = np.zeros(self.rollouts, bool)

    def tick(self, values: Array) -> Array:
        """Judge the canary's present values (NaN without traffic); returns which analyses may advance."""
        self.rolled_back |= self.failed_checks >= self.threshold
        passed = np.less_equal(values, self.limit, where=~np.isnan(values), out=np.zeros(self.rollouts, bool))
        running = ~self.rolled_back
        self.failed_checks += running & ~passed
        return running & passed
