"""Regular expressions as Prometheus and the API server understand them: RE2 (https://github.com/google/re2/wiki/Syntax).

Of the two implementations Go's is the measure, which both are built with. Here it is the one in C++.
"""

import re

import re2

# What Go's does not take though the one in C++ does: single bytes, numbers so large that C++ reads them as text, and
# names of groups with other letters than those of ASCII.
_NOT_IN_GO = re.compile(r"(?<!\\)(?:\\\\)*(\\C|\{[0-9]{9,}(?:,[0-9]*)?\}|\{[0-9]+,[0-9]{9,}\}|\(\?P?<\w*[^\x00-\x7f])")
# The one in C++ bounds the memory of what it compiles, Go's does not.
_TOO_LARGE = "pattern too large"

_QUIET = re2.Options()
_QUIET.log_errors = False


def fault_of(pattern: str) -> str:
    """What is wrong with a regular expression, for a person; empty if nothing is."""
    if found := _NOT_IN_GO.search(pattern):
        return f"it has no {found.group(1)}"
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as error:
        [reason] = error.args
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return "" if text.startswith(_TOO_LARGE) else text
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether a regular expression without fault matches a text as a whole."""
    return re2.fullmatch(pattern, text, _QUIET) is not None


def finds(pattern: str, text: str) -> bool:
    """Whether a regular expression without fault matches anywhere in a text."""
    return re2.search(pattern, text, _QUIET) is not None
