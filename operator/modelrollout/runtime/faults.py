"""What to tell of an exception that nobody expected."""

import logging
import traceback
from pathlib import Path

from modelrollout.ports import KubeError

_LOG = logging.getLogger(__name__)

_PACKAGE = "modelrollout"


def describe_fault(error: BaseException) -> str:
    """One line for a status, an event or a log.

    What the API server says is meant for people. Of any other exception only the kind and the place in our code are
    told: its own words may quote what it was about, credentials and the contents of other people's objects.
    """
    if isinstance(error, KubeError):
        return str(error)
    return f"internal error: {type(error).__name__} in {_place(error)}"


def reason_of(error: BaseException) -> tuple[str, str]:
    """The reason of a condition, in one CamelCase word, and what it says, with what to do."""
    if isinstance(error, KubeError):
        return "Refused", f"the operator could not read or write what it needs: {error}"
    return "InternalError", f"{describe_fault(error)} (please report it with the operator's log)"


def report_fault(about: str, error: BaseException) -> None:
    """Log an exception, with where it was raised if it is ours. about: namespace and name of the ModelRollout."""
    trace = "" if isinstance(error, KubeError) else "\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip()
    _LOG.warning("%s: %s%s", about, describe_fault(error), trace)


def _place(error: BaseException) -> str:
    """The innermost line of our own code, as `rollout/decide.py:12`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parts]
    if not frames:
        return "other code"
    parts = Path(frames[-1].filename).parts
    inside = parts[len(parts) - parts[::-1].index(_PACKAGE) :]
    return f"{'/'.join(inside)}:{frames[-1].lineno}"
