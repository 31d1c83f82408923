"""Text that comes from elsewhere, made fit for a status, an event, a log or a terminal.

Container logs, answers of servers and annotations are written by others: an escape sequence in them moves the cursor of
whoever looks, a line break forges a line of a log, and an error message may quote the credentials that it is about.
"""

import re
import unicodedata

MASK = "***"

LONGEST = 2048

# ECMA-48: CSI and its parameters, the strings that OSC, DCS, SOS, PM and APC begin, and the short sequences.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

_CREDENTIALS = (
    (re.compile(r"(\b[a-zA-Z][-+.a-zA-Z0-9]*://)[^/\s@'\"]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[^\s'\",;]{16,}"), rf"\1\2{MASK}"),
    (re.compile(r"\beyJ[-\w]{8,}\.[-\w]+(\.[-\w]*)?"), MASK),
    (re.compile(r"(?i)\b(password|passwd|secret|token|api[-_]?key)(\"?\s*[=:]\s*[\"']?)[^\s&'\",;]+"), rf"\1\2{MASK}"),
)


def printable(text: str) -> str:
    """The text without what a terminal would act upon: escape sequences, controls, invisible and bidirectional marks.

    Line breaks and tabs stay. Credentials that error messages are known to quote are masked: those of a URL, of an
    Authorization header, JSON Web Tokens, and what is called a password, secret or token.
    """
    text = _LINE_BREAKS.sub("\n", _ESCAPES.sub("", text))
    # Nearly all texts are printable, which Python tells ten times as fast: every status is read through this.
    if not text.isprintable():
        text = "".join(character for character in text if character in "\n\t" or not _is_hidden(character))
    for pattern, masked in _CREDENTIALS:
        text = pattern.sub(masked, text)
    return text


def plain(text: str, longest: int = LONGEST) -> str:
    """The text as one printable line of at most `longest` characters; what is cut off shows as `…`.

    Of what is plain already it makes nothing else.
    """
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _is_hidden(character: str) -> bool:
    """Controls, formats (zero width, bidirectional), surrogates that no encoding takes, and private characters."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}
