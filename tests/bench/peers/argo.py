"""Argo Rollouts' rule for a background analysis (argoproj/argo-rollouts, analysis/analysis.go).

Each measurement is Successful, Failed, Inconclusive or Error. The run fails as soon as *more* measurements have
failed than `failureLimit` (default 0), and errs after more than `consecutiveErrorLimit` (default 4) errors in a
row; both abort the rollout, which goes on advancing until then. With only a failureCondition, NaN is no failure.
"""

from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray


@dataclass
class AnalysisRun:
    """Many runs at once over one metric with `failureCondition: result > limit`; one `measure` per interval."""

    limit: float
    failure_limit: int
    rollouts: int
    consecutive_error_limit: int = 4
    failed: Array = field(init=False)
    consecutive_errors: Array = field(init=False)
    aborted: Array = field(init=False)

    def __post_init__(self) -> None:
        self.failed = np.zeros(self.rollouts, int)
        self.consecutive_errors = np.zeros(self.rollouts, int)
        self.aborted = np.zeros(self.rollouts, bool)

    def measure(self, results: Array, no_result: Array | None = None) -> Array:
        """Take one measurement; `no_result` marks empty answers, which are errors. Returns which runs are aborted."""
        error = np.zeros(self.rollouts, bool) if no_result is None else no_result
        self.consecutive_errors = np.where(error, self.consecutive_errors + 1, 0)
        beyond = np.greater(results, self.limit, where=~np.isnan(results), out=np.zeros(self.rollouts, bool))
        self.failed += beyond & ~error
        self.aborted |= self.failed > self.failure_limit
        self.aborted |= self.consecutive_errors > self.consecutive_error_limit
        return self.aborted
