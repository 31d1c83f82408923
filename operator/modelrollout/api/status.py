"""What the operator reports, and all that it remembers."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from modelrollout.api.base import ApiModel, Line, Time
from modelrollout.api.conditions import Condition
from modelrollout.api.evidence import EvidenceCheckpoint
from modelrollout.api.gate_status import GateStatus
from modelrollout.api.rules import KeyedBy

QUARANTINE_LIMIT = 20
COMPARED_LIMIT = 100
CHAMPIONS_LIMIT = 101
INTERRUPTIONS_KEPT = 2


class Phase(StrEnum):
    """Where a rollout stands, for people; nothing is decided by it."""

    DEPLOYING = "Deploying"
    STABLE = "Stable"
    PREPARING = "Preparing"
    SHADOWING = "Shadowing"
    RAMPING = "Ramping"
    PROMOTING = "Promoting"
    WATCHING = "Watching"
    ROLLED_BACK = "RolledBack"
    SUSPENDED = "Suspended"
    INVALID = "Invalid"


class Stage(StrEnum):
    """What is being done with a version. What each means for traffic and evidence says `rollout/stages`."""

    PREPARING = "Preparing"
    SHADOWING = "Shadowing"
    RAMPING = "Ramping"
    PROMOTING = "Promoting"
    WATCHING = "Watching"
    SERVING = "Serving"


class Role(StrEnum):
    """What a version is to a ModelRollout. It is noted at its Deployment too, so that it outlives the status."""

    CHAMPION = "Champion"
    CHALLENGER = "Challenger"
    PREVIOUS = "Previous"
    BASELINE = "Baseline"
    RETIRING = "Retiring"


class Version(ApiModel):
    """A version of the model that was or is deployed."""

    bento: str
    """Name and version of the Bento."""
    image: str
    """Its container image."""
    hash: str
    """Digest of the revision. The Deployment, the Service and the ControllerRevision of the version end with it."""
    serving: str | None = None
    """Digest of what else shapes its pods: `spec.serving` and the content of the ConfigMaps and Secrets that it names,
    after the number of the algorithm. Absent in what an earlier release wrote.
    """

    @property
    def revision(self) -> "Version":
        """The version itself, without what is noted of it in a list."""
        return Version(bento=self.bento, image=self.image, hash=self.hash, serving=self.serving)


class BaselineVersion(Version):
    """A service that challengers are compared with."""

    weight: int
    """Share of the traffic in percent that it should have."""
    replicas: int
    """Pods that it should have."""


class FormerChampion(Version):
    """A version that was the champion, or is."""

    since: Time
    """When it began to serve as the champion last."""


class RetiringVersion(Version):
    """A version without traffic that waits for its removal."""

    since: Time
    """When it was to lose its traffic."""
    drained_since: Time | None = None
    """Since when every gateway has accepted that it gets none."""


class QuarantinedVersion(Version):
    """A version that was rolled back and is not tried again by itself."""

    reason: str
    """Why it was rolled back, in one CamelCase word."""
    message: Line
    """Why it was rolled back, for a person."""
    at: Time
    """When it was rolled back last."""
    failures: int
    """How often it was rolled back. Every repeat has to meet a stricter test."""
    released: bool = False
    """Whether it may be tried again, as a retry asked for."""


class RolloutProgress(ApiModel):
    """How far the rollout under way is."""

    started_at: Time
    """When the rollout began."""
    stage: Stage
    """Where it is."""
    since: Time
    """When this stage began."""
    ramping_since: Time | None = None
    """When the challenger got its first weight."""
    not_ready_since: Time | None = None
    """Since when the challenger has had fewer ready pods than its weight needs."""
    metrics_unavailable_since: Time | None = None
    """Since when no gate can be judged for want of metrics."""
    step: int
    """Index of the step, or of the level of the ramp, counted from 0."""
    step_since: Time
    """When this step began."""
    target_weight: int
    """Share of the traffic in percent that the challenger should have."""
    awaits_approval: bool = False
    """Whether only an approval is missing for the next step."""
    held_since: Time | None = None
    """Since when the weight is held because a deadline has passed."""
    retreated_at: Time | None = None
    """When the weight was lowered because a window looked gross; absent once the schedule goes on."""
    extended_at: Time | None = None
    """From when on its deadlines are counted, if not from its first weight. An approval after a deadline moves it, and
    so does time in which the operator was told to do nothing, or was away.
    """
    step_requests: int = 0
    """Requests that the challenger was seen to answer at the weight of this step."""
    restarts: int = 0
    """Restarts of the challenger's containers that were seen."""
    interruptions: Annotated[tuple[Time, ...], Field(max_length=INTERRUPTIONS_KEPT)] = ()
    """When the challenger last lost pods that had traffic, or a container of them."""
    attempt: int
    """Which try of this version it is, counted from 1."""

    @property
    def promoting_since(self) -> datetime | None:
        """When the challenger was found good and began to get the pods for all of the traffic."""
        return self.since if self.stage is Stage.PROMOTING else None

    @model_validator(mode="before")
    @classmethod
    def _derive_stage(cls, data: Any) -> Any:
        # Until 0.1 the stage was told by the times that were set.
        if not isinstance(data, Mapping) or data.get("stage"):
            return data
        begun = ((stage, _either(data, *names)) for stage, names in _BEGINNINGS.items())
        return {**data, **next(({"stage": stage, "since": time} for stage, time in begun if time), {})}


_BEGINNINGS = {
    Stage.PROMOTING: ("promotingSince", "promoting_since"),
    Stage.RAMPING: ("rampingSince", "ramping_since"),
    Stage.PREPARING: ("startedAt", "started_at"),
}


def _either(data: Mapping[str, Any], alias: str, name: str) -> Any:
    return data.get(alias) or data.get(name)


class Watch(ApiModel):
    """The watch after a promotion."""

    since: Time
    """When the promotion happened."""
    until: Time
    """When the old champion is let go, if all goes well."""
    hold_back_percent: int
    """Share of the traffic in percent that the old champion keeps."""
    requests: int = 0
    """Requests that the new champion was seen to answer since."""
    not_ready_since: Time | None = None
    """Since when the new champion has had no ready pod."""
    attempt: int = 1
    """Which comparison of this version it goes on with, counted from 1."""


class ComparedVersion(ApiModel):
    """How often a version was compared with another one. Every comparison has to meet a stricter test."""

    hash: str
    """Digest of the version."""
    times: int
    """How many comparisons began, those that were cancelled or whose gates were edited too."""


class Decision(ApiModel):
    """A decision of the operator."""

    at: Time
    """When it was made."""
    action: str
    """What was done, in one CamelCase word."""
    reason: str
    """Why, in one CamelCase word."""
    message: Line
    """Why, for a person."""
    weight: int | None = None
    """The challenger's weight in percent at that time."""


class Status(ApiModel):
    """What the operator reports, and all that it remembers."""

    observed_generation: int | None = None
    """The generation of the spec that this status is about."""
    phase: Phase | None = None
    """Where the rollout stands, in one word. Derived from the rest; scripts should read the conditions."""
    champion: Version | None = None
    """The version that is trusted."""
    challenger: Version | None = None
    """The version that has to prove itself."""
    previous: Version | None = None
    """The old champion, while it stays warm after a promotion."""
    baseline: BaselineVersion | None = None
    """The service that the challenger is compared with in place of the champion."""
    wanted: Version | None = None
    """The revision that the spec asks for."""
    weight: int | None = None
    """The challenger's share of the traffic in percent, as written to the route."""
    verdict: Line = ""
    """Why the rollout stands where it does, in one line."""
    serving_since: Time | None = None
    """When the champion began to serve."""
    replicas: int | None = None
    """Pods that the champion has been told to have, for the scale subresource."""
    selector: str | None = None
    """The label by which all pods of the ModelRollout are found, for the scale subresource."""
    champions: Annotated[tuple[FormerChampion, ...], Field(max_length=CHAMPIONS_LIMIT)] = ()
    """Versions that proved themselves as champions, the last one last: `undo` goes back to one of them."""
    rollout: RolloutProgress | None = None
    """How far the rollout under way is."""
    watch: Watch | None = None
    """The watch after a promotion."""
    retiring: tuple[RetiringVersion, ...] = ()
    """Versions without traffic that wait for their removal."""
    gates: Annotated[tuple[GateStatus, ...], KeyedBy("name")] = ()
    """What each gate says."""
    evidence: EvidenceCheckpoint | None = None
    """Up to where the recorded metrics are counted."""
    quarantine: Annotated[tuple[QuarantinedVersion, ...], Field(max_length=QUARANTINE_LIMIT)] = ()
    """Versions that were rolled back, oldest first."""
    compared: Annotated[tuple[ComparedVersion, ...], Field(max_length=COMPARED_LIMIT)] = ()
    """Versions that were compared, oldest first."""
    handled: Annotated[dict[str, str], Field(max_length=16)] = Field(default_factory=dict)
    """The last value of each command's annotation that was carried out; a new value is a new command."""
    looked_at: Time | None = None
    """When the operator last decided, as far as it was written."""
    suspended_since: Time | None = None
    """Since when the operator has been told to do nothing."""
    last_decision: Decision | None = None
    """The last decision."""
    conditions: Annotated[tuple[Condition, ...], KeyedBy("type")] = ()
    """Ready; Reconciling and Stalled while they hold; Progressing, Promoted, MetricsAvailable, TrafficAsWeighted."""
