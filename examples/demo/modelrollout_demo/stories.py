"""The five stories: what each version of the model is, what must become of it, and what did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Phase, QuarantinedVersion, Version
from modelrollout_demo.reaction import find_proof
from modelrollout_demo.rollouts import NAME, DigitsRollout
from modelrollout_testkit.answers import Answer
from modelrollout_testkit.answers import of_version as of_bento
from modelrollout_testkit.changes import Object
from modelrollout_testkit.errors import TestkitError

READY_SECONDS = 240.0
DECISION_SECONDS = 420.0

# Whose own bug it is to answer with an error: v3's preprocessing raises, v4 may run into BentoML's own time limit.
FAULTY = frozenset({f"{NAME}:v3", f"{NAME}:v4"})


class Ending(StrEnum):
    """What becomes of a version."""

    DEPLOYED = "deployed as the first champion"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Story:
    """A version and what must become of it.

    reason, blame: for a rollback the reason in its quarantine entry and a word that its explanation must have.
    """

    version: str
    about: str
    ending: Ending
    reason: str = ""
    blame: str = ""


STORIES = (
    Story("v1", "a simple classifier, the first champion", Ending.DEPLOYED),
    Story("v2", "a better classifier", Ending.PROMOTED),
    Story("v3", "its preprocessing has a bug: it fails on some images", Ending.ROLLED_BACK, "GateFailed", "errors"),
    Story("v4", "accurate, but slow", Ending.ROLLED_BACK, "GateFailed", "latency"),
    Story("v5", "does not start", Ending.ROLLED_BACK, "ChallengerNotReady"),
)


@dataclass(slots=True)
class Outcome:
    """What became of a version.

    seconds: from its first weight to the decision, None if it never had any. problems: what came out wrong.
    """

    story: Story
    ended: str = "not decided"
    seconds: float | None = None
    problems: list[str] = field(default_factory=list)

    def require(self, holds: bool, otherwise: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.problems.append(otherwise)


def deploy_first(rollout: DigitsRollout, story: Story) -> Outcome:
    """Wait until the first version serves."""
    bento = rollout.digits.version(story.version).bento
    rollout.until(lambda now: is_serving(now, bento), f"{bento} to serve", READY_SECONDS)
    return Outcome(story, ended=story.ending)


def await_promotion(rollout: DigitsRollout, story: Story) -> Outcome:
    """Wait until the version is the champion and the watch after its promotion is over, or until it is rolled back."""
    outcome = Outcome(story)
    version = rollout.digits.version(story.version)
    rollout.until(lambda now: bool(now.status.weight), f"the first weight of {version.bento}", READY_SECONDS)
    challenger = pods_by_uid(rollout.pods(story.version))
    now = rollout.until(
        lambda now: is_serving(now, version.bento) or is_settled(now, version),
        f"the promotion of {version.bento}",
        DECISION_SECONDS,
    )
    if entry := quarantine_entry(now, version):
        outcome.ended = f"rolled back: {entry.message}"
        outcome.problems.append(f"{version.bento} should have been promoted, but was rolled back: {entry.message}")
        return outcome
    champion = pods_by_uid(rollout.pods(story.version))
    outcome.ended = story.ending
    outcome.seconds = _between(_ramping_since(rollout, version), _promoted_at(rollout, version))
    outcome.require(
        champion == challenger,
        f"the champion's pods should be the challenger's, which were {challenger}, but are {champion}",
    )
    return outcome


def await_rollback(rollout: DigitsRollout, story: Story) -> Outcome:
    """Wait until the version is in quarantine and its pods are gone, or until it is promoted."""
    outcome = Outcome(story)
    version = rollout.digits.version(story.version)
    now = rollout.until(
        lambda now: is_settled(now, version) or is_serving(now, version.bento),
        f"the rollback of {version.bento}",
        DECISION_SECONDS,
    )
    entry = quarantine_entry(now, version)
    if entry is None:
        outcome.ended = "promoted"
        outcome.problems.append(f"{version.bento} should have been rolled back, but was promoted")
        return outcome
    outcome.ended = f"rolled back: {entry.reason}"
    outcome.seconds = _between(_ramping_since(rollout, version), entry.at)
    outcome.require(entry.reason == story.reason, f"the reason should be {story.reason}, but is {entry.reason}")
    outcome.require(story.blame in entry.message, f"{story.blame} should be blamed, but this is: {entry.message}")
    if story.blame and not outcome.problems:
        outcome.ended += f" ({story.blame})"
    return outcome


def check_traffic(outcomes: Sequence[Outcome], rollout: DigitsRollout, answers: Sequence[Answer]) -> None:
    """Note a problem wherever the traffic was not as it should have been."""
    for outcome in outcomes:
        version = outcome.story.version
        served = len(of_version(answers, version))
        top = max((weights.by_version.get(version, 0) for weights in rollout.weights), default=0)
        if outcome.story.reason == "ChallengerNotReady":
            outcome.require(served == 0 and top == 0, f"it was sent {served} requests and had weight {top}")
        else:
            outcome.require(served > 0, "it was sent no request")


@dataclass(frozen=True, slots=True)
class Reaction:
    """From the scrape that proved a failure to the last request that the version got, in unix time."""

    proved: float
    route_written: float
    last_request: float

    @property
    def seconds(self) -> float:
        """Until the route said 0 and no request went to the version any more."""
        return max(self.route_written, self.last_request) - self.proved


def measure_reaction(rollout: DigitsRollout, version: str, answers: Sequence[Answer]) -> Reaction:
    """How long a version kept traffic after Prometheus had the proof that it fails. Raises TestkitError without."""
    environment = rollout.digits.environment
    ramp = _ramp_of(rollout, rollout.digits.version(version))
    if ramp is None:
        raise TestkitError(f"{version} never had weight")
    last_weight = max(weights.at for weights in rollout.weights if weights.by_version.get(version, 0) > 0)
    route_written = min(weights.at for weights in rollout.weights if weights.at > last_weight)
    proof = find_proof(environment.prometheus_url, environment.scrape_interval, ramp, until=route_written)
    return Reaction(proof.scraped, route_written, max(answer.sent for answer in of_version(answers, version)))


def of_version(answers: Sequence[Answer], version: str) -> list[Answer]:
    """The answers to requests that were routed to `v2`."""
    return of_bento(answers, f"{NAME}:{version}")


def is_serving(rollout: ModelRollout, bento: str) -> bool:
    """Whether a version is the champion, with nothing else under way."""
    status = rollout.status
    return (
        status.phase is Phase.STABLE
        and status.serving_since is not None
        and status.champion is not None
        and status.champion.bento == bento
        and not status.retiring
        and status.observed_generation == rollout.metadata.generation
    )


def is_settled(rollout: ModelRollout, version: Version) -> bool:
    """Whether a version is in quarantine, and nothing of it runs any more."""
    return quarantine_entry(rollout, version) is not None and not rollout.status.retiring


def quarantine_entry(rollout: ModelRollout, version: Version) -> QuarantinedVersion | None:
    """Why and when a version was rolled back; None if it was not, or is released."""
    found = (entry for entry in rollout.status.quarantine if entry.hash == version.hash and not entry.released)
    return next(found, None)


def pods_by_uid(pods: Sequence[Object]) -> dict[str, int]:
    """Uids of pods that are not about to end, with the restarts of their containers."""
    return {
        pod["metadata"]["uid"]: sum(container["restartCount"] for container in pod["status"]["containerStatuses"])
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }


def _ramp_of(rollout: DigitsRollout, version: Version) -> ModelRollout | None:
    """The ModelRollout as it was when a version had weight last."""
    for now in reversed(rollout.history):
        challenger, progress = now.status.challenger, now.status.rollout
        if challenger and challenger.hash == version.hash and progress and progress.ramping_since:
            return now
    return None


def _ramping_since(rollout: DigitsRollout, version: Version) -> datetime | None:
    """When a version got its first weight in its latest rollout."""
    ramp = _ramp_of(rollout, version)
    return ramp.status.rollout.ramping_since if ramp and ramp.status.rollout else None


def _promoted_at(rollout: DigitsRollout, version: Version) -> datetime | None:
    """When a version became the champion last."""
    statuses = (now.status for now in reversed(rollout.history))
    return next((s.watch.since for s in statuses if s.watch and s.champion and s.champion.hash == version.hash), None)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
