"""How much evidence a minute may add, so that one episode (a bad half-minute of one pod) decides nothing.

An e-value may be lowered at will, so no cap endangers the declared error rates. What caps buy is that a burst or an
episode that the history does not show has to come several times. They count minutes and not scrape windows: an episode
does not end because Prometheus scrapes more often.

What a minute has gathered never counts below 0: a regression that begins in the middle of it (Shiryaev-Roberts) has
nothing from before to make up for, and may gain no more than the cap either.
"""


def capped_minute(gathered: float, step: float, cap: float) -> tuple[float, float]:
    """What a window adds to the log evidence when its minute has gathered so much, and what it has gathered then.

    min(gathered + step, cap) - min(gathered, cap). Its exponential has an expectation of at most 1 if that of the step
    has: up to the cap it is at most the step, beyond it at most 0. What lies beyond the cap makes up for what the rest
    of the minute takes back.
    """
    together = gathered + step
    return min(together, cap) - min(gathered, cap), max(together, 0.0)


def capped_step(gathered: float, step: float, cap: float, alone: float) -> tuple[float, float]:
    """The same, where the minute may count for `alone` if that is more: what this window proves by itself.

    Never more than the step, so `alone` may depend on the window. Here only what was added counts as gathered.
    """
    counted = min(step, max(cap - gathered, alone - gathered, 0.0))
    return counted, max(gathered + counted, 0.0)
