"""The log of the process."""

import logging
import sys

from modelrollout.runtime.logs import PrintableFormatter


def test_a_log_line_that_quotes_others_holds_no_escape_sequences_and_no_credentials() -> None:
    try:
        raise ValueError("\x1b[2Jheader 'Bearer 0123456789abcdef0123'")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "said \x1b[31m%s", ("so",), sys.exc_info())
    text = PrintableFormatter("%(message)s").format(record)
    assert text.startswith("said so\nTraceback")
    assert text.endswith("ValueError: header 'Bearer ***'")
