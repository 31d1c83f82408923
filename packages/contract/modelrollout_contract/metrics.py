"""Prometheus metrics of the operator, as it serves them; counters without the `_total` that clients add."""

RECONCILE_SECONDS = "modelrollout_reconcile_seconds"
"""Histogram by `outcome`: how long a look at a ModelRollout took."""

QUEUE_DEPTH = "modelrollout_queue_depth"
"""Gauge: ModelRollouts that wait to be looked at."""

QUEUE_SECONDS = "modelrollout_queue_seconds"
"""Histogram: how long a ModelRollout that was to be looked at has waited for it."""

WINDOW_AGE_SECONDS = "modelrollout_window_age_seconds"
"""Gauge: seconds since the end of the newest scrape window that is counted, where that is longest."""

EVENTS = "modelrollout_events"
"""Counter by `namespace`, `name`, `reason`: what was decided and what happened."""

CHALLENGER_WEIGHT_PERCENT = "modelrollout_challenger_weight_percent"
"""Gauge by `namespace`, `name`."""

INFO = "modelrollout_info"
"""Gauge by `namespace`, `name`, `phase`, `champion`: 1 for what holds."""
