"""The status while a decision is being made, and the events that come with it."""

from datetime import datetime
from typing import TypedDict, Unpack

from modelrollout.api.commands import Command
from modelrollout.api.evidence import EvidenceCheckpoint
from modelrollout.api.gate_status import GateStatus
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import (
    BaselineVersion,
    ComparedVersion,
    Decision,
    FormerChampion,
    QuarantinedVersion,
    RetiringVersion,
    RolloutProgress,
    Stage,
    Status,
    Version,
    Watch,
)
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.plan import Event, EventType
from modelrollout.rollout.settings import Settings
from modelrollout.rollout.situation import Situation, is_new


class StatusChanges(TypedDict, total=False):
    """The fields of the status that decisions change."""

    champion: Version | None
    challenger: Version | None
    previous: Version | None
    baseline: BaselineVersion | None
    weight: int | None
    wanted: Version
    replicas: int | None
    champions: tuple[FormerChampion, ...]
    serving_since: datetime | None
    rollout: RolloutProgress | None
    watch: Watch | None
    retiring: tuple[RetiringVersion, ...]
    gates: tuple[GateStatus, ...]
    evidence: EvidenceCheckpoint | None
    quarantine: tuple[QuarantinedVersion, ...]
    compared: tuple[ComparedVersion, ...]
    handled: dict[str, str]
    looked_at: datetime | None
    suspended_since: datetime | None
    last_decision: Decision


class ProgressChanges(TypedDict, total=False):
    """The fields of a rollout's progress that decisions change."""

    stage: Stage
    since: datetime
    ramping_since: datetime | None
    not_ready_since: datetime | None
    metrics_unavailable_since: datetime | None
    step: int
    step_since: datetime
    target_weight: int
    awaits_approval: bool
    held_since: datetime | None
    extended_at: datetime | None
    step_requests: int
    restarts: int
    interruptions: tuple[datetime, ...]
    retreated_at: datetime | None
    attempt: int


class Draft:
    """Mutable only for the length of one `decide` call; outside of it statuses are values.

    Whoever only reads gets its `situation`.
    """

    def __init__(
        self, spec: ModelRolloutSpec, status: Status, observation: Observation, now: datetime, settings: Settings
    ) -> None:
        self.spec = spec
        self.status = status
        self.observation = observation
        self.assessment: Assessment | None = None
        self.now = now.replace(microsecond=0)
        self.settings = settings
        self.events: list[Event] = []
        self.approved = self.asked(Command.APPROVE)

    @property
    def situation(self) -> Situation:
        """What there is to decide by now."""
        return Situation(
            self.spec, self.status, self.observation, self.assessment, self.settings, self.now, self.approved
        )

    def change(self, **fields: Unpack[StatusChanges]) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=dict(fields))

    def progress(self, rollout: UnderWay, **fields: Unpack[ProgressChanges]) -> UnderWay:
        """Replace fields of the progress of the rollout under way, and return it as it is then."""
        progress = rollout.progress.model_copy(update=dict(fields))
        self.change(rollout=progress)
        return UnderWay(rollout.champion, rollout.challenger, progress)

    def record(self, action: str, reason: str, message: str, *, warning: bool = False) -> None:
        """Note a decision as the last one and announce it."""
        self.change(
            last_decision=Decision(
                at=self.now, action=action, reason=reason, message=message, weight=self.status.weight
            )
        )
        self.announce(reason, message, warning=warning)

    def announce(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Have an event say what happened."""
        self.events.append(Event(EventType.WARNING if warning else EventType.NORMAL, reason, message))

    def asked(self, command: Command) -> bool:
        """Whether a command annotation carries a value that was not yet carried out."""
        return is_new(command, self.observation.commands, self.status)

    def settle(self, *commands: Command) -> None:
        """Count the present values of command annotations as carried out, or as too old to mean what comes next."""
        given = self.observation.commands
        settled = {str(command): given[command] for command in commands if command in given}
        self.change(handled={**self.status.handled, **settled})
