"""The one exception that the demo shows as a sentence instead of a trace."""


class DemoError(Exception):
    """Something that the person at the keyboard has to know or to put right."""
