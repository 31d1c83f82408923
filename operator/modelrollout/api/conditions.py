"""Conditions, as metav1.Condition has them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import ApiModel, Line, Time


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One aspect of the state of the ModelRollout."""

    type: Annotated[str, Field(max_length=316)]
    """Which aspect, e.g. Ready."""
    status: ConditionStatus
    """Whether it holds."""
    observed_generation: int | None = None
    """The generation of the spec that this is about."""
    last_transition_time: Time
    """When `status` last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Why, in one CamelCase word."""
    message: Line
    """Why, for a person."""
