"""What a decision is made of, at one point of it: for whoever reads, so that only the draft can write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.commands import Command
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version
from modelrollout.rollout.capacity import pods_needed
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.observation import Observation, VersionObservation
from modelrollout.rollout.settings import Settings


@dataclass(frozen=True, slots=True)
class Situation:
    """The manifest, the status as decided so far, what was observed, and what the gates say of it.

    assessment: None while nothing is judged. now: in whole seconds. approved: whether somebody has just approved.
    """

    spec: ModelRolloutSpec
    status: Status
    observation: Observation
    assessment: Assessment | None
    settings: Settings
    now: datetime
    approved: bool = False

    def asked(self, command: Command) -> bool:
        """Whether a command annotation carries a value that was not yet carried out."""
        return is_new(command, self.observation.commands, self.status)

    def pods(self, version: Version) -> VersionObservation:
        """The pods of a version; none if it has no Deployment."""
        absent = VersionObservation(hash=version.hash, desired=0, ready=0, updated=False)
        return self.observation.versions.get(version.hash, absent)

    def has_enough_pods(self, rollout: UnderWay) -> bool:
        """Whether the challenger has the ready pods that its weight needs."""
        needed = pods_needed(self.spec.serving.replicas, rollout.progress.target_weight)
        return self.pods(rollout.challenger).ready >= needed

    @property
    def missing_reference(self) -> str:
        """Why there is nothing to compare with yet, for a person; empty if there is, or if none is wanted."""
        baseline = self.status.baseline
        if baseline is None or self.pods(baseline).ready:
            return ""
        problem = self.pods(baseline).problem
        return f"the baseline {baseline.bento} has no ready pods{': ' + problem if problem else ''}"

    @property
    def summary(self) -> str:
        """What the gates say, in one line."""
        return self.assessment.summary if self.assessment else "no scrape of both versions judged yet"


def is_new(command: Command, commands: Mapping[str, str], status: Status) -> bool:
    """Whether a command carries a value that was not yet carried out."""
    value = commands.get(command)
    return value is not None and value != status.handled.get(command)
