"""The one error that the command line shows without a traceback."""


class LocalClusterError(Exception):
    """Something the user can act on; the message is one sentence that says how."""
