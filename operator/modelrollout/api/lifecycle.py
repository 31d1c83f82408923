"""What is watched for as long as a model serves."""

from typing import Annotated

from modelrollout.api.base import ApiModel
from modelrollout.api.units import PositiveDuration, between


class Lifecycle(ApiModel):
    """What is said of a champion after its promotion, for as long as it serves."""

    stale_after: Annotated[PositiveDuration, between("1h", "3650d")] | None = None
    """How long a version may serve before the condition `Stale` says that it is time for a newer one."""
