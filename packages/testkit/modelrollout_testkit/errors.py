"""The one exception of the kit, to be shown as a sentence instead of a trace."""


class TestkitError(Exception):
    """Something that the person at the keyboard has to know or to put right."""

    __test__ = False
