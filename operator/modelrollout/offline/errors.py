"""The way to give up."""


class OfflineError(Exception):
    """A question cannot be answered from what was given; the text says why, for a person."""
