"""The status while a decision is being made, and the events that come with it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from math import floor
from typing import Any

from modelrollout.api.commands import Command
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import (
    QUARANTINE_LIMIT,
    BaselineVersion,
    ChampionHistory,
    Decision,
    EvidenceCheckpoint,
    QuarantinedVersion,
    RetiringVersion,
    RolloutProgress,
    Status,
    Version,
    Watch,
)
from modelrollout.rollout.deadlines import MissedDeadline
from modelrollout.rollout.placement import FULL_WEIGHT
from modelrollout.rollout.plan import Event, EventType
from modelrollout.rollout.ramp import first_weight
from modelrollout.rollout.settings import Settings


class Draft:
    """Mutable only for the length of one `decide` call; outside of it statuses are values.

    Every method is one fact of a rollout's life: it changes the status and says so in an event.
    """

    def __init__(
        self,
        spec: ModelRolloutSpec,
        status: Status,
        commands: Mapping[str, str],
        now: datetime,
        settings: Settings,
    ) -> None:
        self.spec = spec
        self.status = status
        self.now = now.replace(microsecond=0)
        self.settings = settings
        self._commands = commands
        self.events: list[Event] = []

    def change(self, **fields: Any) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=fields)

    def record(self, action: str, reason: str, message: str, *, warning: bool = False) -> None:
        """Note a decision as the last one and announce it."""
        self.change(
            last_decision=Decision(
                at=self.now, action=action, reason=reason, message=message, weight=self.status.weight
            )
        )
        self.events.append(Event(EventType.WARNING if warning else EventType.NORMAL, reason, message))

    def asked(self, command: Command) -> bool:
        """Whether a command annotation carries a value that was not yet carried out."""
        value = self._commands.get(command)
        return value is not None and value != self.status.handled.get(command)

    def settle(self, *commands: Command) -> None:
        """Count the present values of command annotations as carried out, or as too old to mean what comes next."""
        settled = {str(command): self._commands[command] for command in commands if command in self._commands}
        self.change(handled={**self.status.handled, **settled})

    def start(self, challenger: Version) -> None:
        """Begin a rollout of `challenger` beside the champion."""
        self._unretire(challenger)
        entry = self._entry(challenger)
        self.change(
            challenger=challenger,
            rollout=RolloutProgress(
                started_at=self.now,
                not_ready_since=self.now,
                step=0,
                step_since=self.now,
                target_weight=first_weight(self.spec.strategy),
                attempt=1 + (entry.failures if entry else 0),
            ),
            gates=(),
            evidence=None,
        )
        self.settle(Command.ABORT, Command.PROMOTE, Command.APPROVE)
        champion = self.status.champion
        self.record(
            "Start",
            "RolloutStarted",
            f"Rolling out {challenger.bento} beside {champion.bento if champion else 'nothing'}",
        )

    def install(self, champion: Version) -> None:
        """Make `champion` run where no version has served yet."""
        replaced = self.status.champion
        if replaced:
            self._retire(replaced)
        self._unretire(champion)
        self.change(champion=champion, serving_since=None)
        self.record("Install", "ChampionDeploying", f"Deploying {champion.bento} as the first champion")

    def cancel(self, reason: str, message: str) -> None:
        """End the rollout without a judgement on the challenger."""
        self._drop_challenger()
        self.record("Cancel", reason, message)

    def progress(self, **fields: Any) -> RolloutProgress:
        """Replace fields of the rollout's progress, which must exist, and return it."""
        assert self.status.rollout is not None
        rollout = self.status.rollout.model_copy(update=fields)
        self.change(rollout=rollout)
        return rollout

    def begin_ramp(self, history: tuple[ChampionHistory, ...]) -> None:
        """Let traffic flow to the challenger, and count evidence from the next scrape window on."""
        progress = self.progress(ramping_since=self.now, step_since=self.now)
        window = floor(self.now.timestamp() / self.settings.scrape_interval)
        self.change(evidence=EvidenceCheckpoint(window=window, at=self.now, history=history), gates=())
        self.record(
            "Advance",
            "RampStarted",
            f"{self._challenger.bento} is ready and gets weight {progress.target_weight}",
        )

    def hold(self, missed: MissedDeadline) -> None:
        """Say, once, that a deadline has passed and the weight is held for it."""
        if self.progress().held_since is None:
            self.progress(held_since=self.now)
            message = f"{self._challenger.bento} {missed.shortcoming} and keeps its weight"
            if missed.asks:
                message += ": approve it for more time, promote it or abort it"
            self.record("Hold", missed.reason, message, warning=True)

    def extend(self, missed: MissedDeadline) -> None:
        """Give the rollout more time, as an approval after a deadline asks for."""
        self.progress(extended_at=self.now, held_since=None)
        self.settle(Command.APPROVE)
        self.record("Extend", "DeadlineExtended", f"{self._challenger.bento} gets another {missed.deadline.after}")

    def set_weight(self, step: int, weight: int, message: str) -> None:
        """Go to another step of the ramp."""
        reason = "WeightRaised" if weight > self.progress().target_weight else "WeightLowered"
        self.progress(step=step, step_since=self.now, target_weight=weight, awaits_approval=False)
        self.settle(Command.APPROVE)
        self.record("Advance", reason, f"{self._challenger.bento} gets weight {weight}: {message}")

    def begin_promotion(self, reason: str, message: str) -> None:
        """Give the challenger the pods for all of the traffic."""
        self.progress(promoting_since=self.now, target_weight=FULL_WEIGHT - self.spec.strategy.hold_back.percent)
        self.settle(Command.PROMOTE, Command.APPROVE)
        self.record("Promote", reason, f"{self._challenger.bento} is to become the champion: {message}")

    def promote(self, reason: str, message: str) -> None:
        """Make the challenger's pods the champion's, and keep the old champion warm while the watch runs."""
        champion, challenger = self._champion, self._challenger
        hold_back = self.spec.strategy.hold_back
        until = self.now + hold_back.for_.timedelta
        self.change(
            champion=challenger,
            previous=champion,
            challenger=None,
            rollout=None,
            serving_since=self.now,
            watch=Watch(since=self.now, until=until, hold_back_percent=hold_back.percent),
        )
        self.record("Promote", reason, message)

    def roll_back(self, reason: str, message: str) -> None:
        """Give all traffic back to the champion and remember the challenger as bad."""
        challenger = self._challenger
        self._drop_challenger()
        self.settle(Command.ABORT)
        self._quarantine(challenger, reason, message)
        self.record("RollBack", reason, message, warning=True)

    def return_to_previous(self, reason: str, message: str, *, quarantine: bool) -> None:
        """Undo a promotion while the old champion is still warm."""
        failed, previous = self._champion, self._previous
        self.settle(Command.ABORT)
        self.change(champion=previous, previous=None, watch=None, gates=(), evidence=None)
        self._retire(failed)
        if quarantine:
            self._quarantine(failed, reason, message)
        self.record("RollBack", reason, message, warning=quarantine)

    def end_watch(self, reason: str, message: str) -> None:
        """Let the old champion go."""
        self._retire(self._previous)
        self.change(previous=None, watch=None, gates=(), evidence=None)
        self.record("EndWatch", reason, message)

    def deploy_baseline(self, baseline: BaselineVersion) -> None:
        """Have a service to compare with beside champion and challenger, or change its size."""
        if self.status.baseline is None:
            message = f"Deploying {baseline.bento} to compare with"
            self.events.append(Event(EventType.NORMAL, "BaselineDeploying", message))
        self._unretire(baseline)
        self.change(baseline=baseline)

    def retire_baseline(self) -> None:
        """Take the traffic from the service that was compared with, and let it go."""
        baseline = self.status.baseline
        assert baseline is not None
        self.change(baseline=None)
        in_use = (self.status.champion, self.status.challenger, self.status.previous)
        if baseline.hash not in {version.hash for version in in_use if version}:
            self._retire(baseline)
            message = f"{baseline.bento} is no longer compared with"
            self.events.append(Event(EventType.NORMAL, "BaselineRetired", message))

    def retry(self, version: Version) -> None:
        """Allow a version that was rolled back to be tried again. How often it failed stays on record."""
        self.settle(Command.RETRY)
        if self.quarantined(version) is None:
            return
        self.change(
            quarantine=tuple(
                entry.model_copy(update={"released": True}) if entry.hash == version.hash else entry
                for entry in self.status.quarantine
            )
        )
        self.record("Retry", "QuarantineReleased", f"{version.bento} may be rolled out again, as asked for by a retry")

    def quarantined(self, version: Version) -> QuarantinedVersion | None:
        """The entry of a version that must not be tried again, or None."""
        entry = self._entry(version)
        return entry if entry and not entry.released else None

    def remove_retired(self, removable: Collection[str]) -> None:
        """Forget retiring versions, by hash, whose pods may be removed now."""
        self.change(retiring=tuple(r for r in self.status.retiring if r.hash not in removable))

    @property
    def _champion(self) -> Version:
        assert self.status.champion is not None
        return self.status.champion

    @property
    def _challenger(self) -> Version:
        assert self.status.challenger is not None
        return self.status.challenger

    @property
    def _previous(self) -> Version:
        assert self.status.previous is not None
        return self.status.previous

    def _drop_challenger(self) -> None:
        self._retire(self._challenger)
        self.change(challenger=None, rollout=None, weight=None, evidence=None)

    def _entry(self, version: Version) -> QuarantinedVersion | None:
        return next((entry for entry in self.status.quarantine if entry.hash == version.hash), None)

    def _quarantine(self, version: Version, reason: str, message: str) -> None:
        earlier = self._entry(version)
        entry = QuarantinedVersion(
            hash=version.hash,
            bento=version.bento,
            image=version.image,
            reason=reason,
            message=message,
            at=self.now,
            failures=1 + (earlier.failures if earlier else 0),
        )
        others = [kept for kept in self.status.quarantine if kept.hash != version.hash]
        self.change(quarantine=(*others, entry)[-QUARANTINE_LIMIT:])

    def _retire(self, version: Version) -> None:
        retiring = RetiringVersion(hash=version.hash, bento=version.bento, image=version.image, since=self.now)
        self.change(retiring=(*self.status.retiring, retiring))

    def _unretire(self, version: Version) -> None:
        self.change(retiring=tuple(r for r in self.status.retiring if r.hash != version.hash))
