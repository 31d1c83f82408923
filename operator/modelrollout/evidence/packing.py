"""Vectors of floats as short text for the status of a rollout.

Base64 of little-endian doubles: half the size of decimals at full precision, and a test that goes on from a
checkpoint decides to the last bit as one that never stopped.
"""

import base64
import binascii
import struct
from collections.abc import Sequence


def pack_floats(values: Sequence[float]) -> str:
    """Floats as text; infinities are kept."""
    return base64.b64encode(struct.pack(f"<{len(values)}d", *values)).decode()


def unpack_floats(text: str, count: int) -> tuple[float, ...]:
    """The `count` floats of `pack_floats`. Raises ValueError if the text holds anything else."""
    try:
        return struct.unpack(f"<{count}d", base64.b64decode(text, validate=True))
    except (binascii.Error, struct.error) as error:
        raise ValueError(f"expected {count} packed floats") from error
