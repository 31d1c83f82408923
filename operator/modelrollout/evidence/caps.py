"""How much evidence a minute may add, so that one episode (a bad half-minute of one pod) decides nothing.

An e-value may be lowered at will, so no cap endangers the declared error rates. What caps buy is that a burst or an
episode that the history does not show has to come several times. They count minutes and not scrape windows: an episode
does not end because Prometheus scrapes more often.
"""


def capped_minute(gathered: float, step: float, cap: float) -> float:
    """What a window adds to the log evidence when its minute had gathered so much before and may count for `cap`.

    min(gathered + step, cap) - min(gathered, cap). Its exponential has an expectation of at most 1 if that of the step
    has: up to the cap it is at most the step, beyond it at most 0. What lies beyond the cap makes up for what the rest
    of the minute takes back.
    """
    return min(gathered + step, cap) - min(gathered, cap)


def capped_step(granted: float, step: float, cap: float, alone: float) -> float:
    """The same, where the minute may count for `alone` if that is more: what this window proves by itself.

    Never more than the step, so `alone` may depend on the window. `granted` is what the minute's windows have added.
    """
    return min(step, max(cap - granted, alone - granted, 0.0))
