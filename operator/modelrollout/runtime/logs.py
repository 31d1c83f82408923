"""The log of the process, on standard output."""

import logging
import sys

from modelrollout.api.text import printable


class PrintableFormatter(logging.Formatter):
    """Formats records without escape sequences and credentials: what others wrote may be quoted in them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def set_up_logging(level: str) -> None:
    """Log from `level` on; of kopf, which tells of each event, from WARNING on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
