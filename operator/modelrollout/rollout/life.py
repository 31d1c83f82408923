"""The life of a ModelRollout, typed: which versions there surely are at each stage of it."""

from dataclasses import dataclass

from modelrollout.api.status import RolloutProgress, Stage, Status, Version, Watch


@dataclass(frozen=True, slots=True)
class Serving:
    """A champion with all of the traffic, or on its way to it."""

    champion: Version
    other: Version | None = None
    other_weight: int = 0

    @property
    def stage(self) -> Stage:
        return Stage.SERVING


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A rollout: a challenger beside the champion."""

    champion: Version
    challenger: Version
    progress: RolloutProgress

    @property
    def stage(self) -> Stage:
        return self.progress.stage

    @property
    def other(self) -> Version:
        return self.challenger

    @property
    def other_weight(self) -> int:
        return self.progress.target_weight


@dataclass(frozen=True, slots=True)
class Watched:
    """A new champion that the previous one can still take over from."""

    champion: Version
    previous: Version
    watch: Watch

    @property
    def stage(self) -> Stage:
        return Stage.WATCHING

    @property
    def other(self) -> Version:
        return self.previous

    @property
    def other_weight(self) -> int:
        return self.watch.hold_back_percent


Life = Serving | UnderWay | Watched
"""The `other` version is meant to have `other_weight` percent of the traffic as soon as its stage gives it any, and the
champion the rest.
"""


def life_of(status: Status) -> Life | None:
    """Where a ModelRollout is in its life; None before its first champion is chosen."""
    if status.champion is None:
        return None
    return under_way(status) or watched(status) or Serving(status.champion)


def under_way(status: Status) -> UnderWay | None:
    """The rollout under way, if any."""
    if status.champion and status.challenger and status.rollout:
        return UnderWay(status.champion, status.challenger, status.rollout)
    return None


def watched(status: Status) -> Watched | None:
    """The promotion that is being watched, if any."""
    if status.champion and status.previous and status.watch:
        return Watched(status.champion, status.previous, status.watch)
    return None
