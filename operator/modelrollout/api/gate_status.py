"""What the status says of one gate."""

from typing import Any

from modelrollout.api.base import ApiModel, Line


class GateStatus(ApiModel):
    """What a gate says about the challenger."""

    name: str
    """Name of the gate."""
    verdict: str
    """Pass, Fail, Undecided or Unavailable."""
    message: Line = ""
    """The verdict with its figures, for a person."""
    would: str | None = None
    """What a gate of mode Observe would have done: Pass, Hold or RollBack. Absent for gates that decide."""
    guarantee: str
    """How the declared error rates are backed: Exact, Asymptotic, Assumed, or Threshold if they are not."""
    digest: str | None = None
    """Of the gate, as the manifest has it. Another one starts the test anew."""
    compared_with: str | None = None
    """What the challenger is compared with: a version, or a fixed figure. Another one starts the test anew."""
    champion: str | None = None
    """The figure of what the challenger is compared with."""
    challenger: str | None = None
    """The challenger's figure."""
    requests: int | None = None
    """Requests of the challenger that were judged."""
    state: dict[str, Any] | None = None
    """State of the test, from which it goes on after a restart. Not meant for people."""
