"""Durations for people."""

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def readable(seconds: float) -> str:
    """Seconds in the largest unit that fits, rounded: 540 as "9 min", 90000 as "1.0 d"."""
    for unit, size in UNITS:
        if seconds >= size:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "d" and value < 10 else f"{value:.0f} {unit}"
    return "0 s"
