"""What goes wrong in ways that a caller can do something about."""


class OutcomesError(Exception):
    """Something that its message tells how to mend."""


class BusyError(OutcomesError):
    """The database has no time now; the same request may succeed later."""
