"""Which inputs are kept: only what somebody asks for."""

from dataclasses import dataclass
from zlib import crc32

_ALL = 2**32


@dataclass(frozen=True, slots=True)
class Capture:
    """What is asked for; nothing unless said otherwise. An input is captured if one of these holds.

    unsure_below: its confidence is below. sample: share of the requests, 0..1, drawn by the request's id, so that
    champion and shadow capture the same ones. disagreement: the request is a mirrored copy; the outcomes service keeps
    its input only if champion and challenger disagree.
    """

    unsure_below: float = 0.0
    sample: float = 0.0
    disagreement: bool = False

    def __post_init__(self) -> None:
        for name in ("unsure_below", "sample"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is between 0 and 1")

    def wants(self, request: str, confidence: float | None, shadow: bool) -> bool:
        """Whether the input of a prediction is to be kept."""
        return (
            (confidence is not None and confidence < self.unsure_below)
            or (shadow and self.disagreement)
            or crc32(request.encode()) < self.sample * _ALL
        )
