"""What a decision is made of, at one point of it: for whoever reads, so that only the draft can write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.commands import Command
from modelrollout.api.identity import version_of
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version
from modelrollout.evidence.verdict import percent_text
from modelrollout.rollout.capacity import pods_needed
from modelrollout.rollout.comparison import needs_reference
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.observation import Observation, VersionObservation
from modelrollout.rollout.settings import Settings
from modelrollout.rollout.shadow import load_ahead
from modelrollout.rollout.split import mismatch


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

    @property
    def wanted(self) -> Version:
        """The revision that the spec asks for."""
        return self.status.wanted or version_of(self.spec.model, self.spec.serving, self.observation.configuration)

    def asked(self, command: Command) -> bool:
        """Whether a command annotation carries a value that was not yet carried out."""
        return is_new(command, self.observation.commands, self.status)

    def pods(self, version: Version) -> VersionObservation:
        """The pods of a version; none if it has no Deployment."""
        absent = VersionObservation(hash=version.hash, desired=0, ready=0, updated=False)
        return self.observation.versions.get(version.hash, absent)

    def has_enough_pods(self, rollout: UnderWay) -> bool:
        """Whether the challenger has the ready pods that its weight, or copies of requests, need."""
        needed = pods_needed(self.spec.serving.replicas, load_ahead(rollout, self.spec.strategy.shadow))
        return self.pods(rollout.challenger).ready >= needed

    @property
    def missing_baseline(self) -> str:
        """Why the baseline cannot be compared with, for a person; empty if it can, or if none is wanted."""
        baseline = self.status.baseline
        return self.without_pods(baseline, "baseline") if baseline else ""

    def missing_champion(self, champion: Version) -> str:
        """Why the champion cannot be compared with, for a person; empty if it can, or if none has to be."""
        compared = self.status.baseline is None and needs_reference(self.spec)
        return self.without_pods(champion, "champion") if compared else ""

    def without_pods(self, version: Version, role: str) -> str:
        """What is wrong with a version that has no ready pods, for a person; empty if it has."""
        pods = self.pods(version)
        if pods.ready:
            return ""
        return f"the {role} {version.bento} has no ready pods{': ' + pods.problem if pods.problem else ''}"

    def is_incomparable(self, rollout: UnderWay) -> bool:
        """Whether the challenger cannot be proven good for want of a measure, which is no fault of its own."""
        return bool(
            self.missing_baseline
            or self.missing_champion(rollout.champion)
            or mismatch(self.status)
            or self.broken_measures
        )

    def alone_serves(self, rollout: UnderWay) -> bool:
        """Whether the challenger has ready pods and the champion has none."""
        return self.pods(rollout.challenger).ready > 0 and self.pods(rollout.champion).ready == 0

    @property
    def broken_measures(self) -> str:
        """By which gates the reference fails every other request or more, so that nobody is worse; or nothing."""
        rates = self.assessment.reference_rates if self.assessment else {}
        judged = [gate.name for gate in self.spec.gates if gate.decides and (gate.error_rate or gate.latency)]
        failing = [name for name in judged if name not in self.spec.baseline.figures and rates.get(name, 0) >= FAILING]
        return ", ".join(f"{name} {percent_text(rates[name])}" for name in failing)

    @property
    def summary(self) -> str:
        """What the gates say, in one line."""
        return self.assessment.summary if self.assessment else "no scrape of both versions judged yet"


# The share of bad requests from which on a version is no measure for another.
FAILING = 0.5


def is_new(command: Command, commands: Mapping[str, str], status: Status) -> bool:
    """Whether a command carries a value that was not yet carried out."""
    value = commands.get(command)
    return value is not None and value != status.handled.get(command)
