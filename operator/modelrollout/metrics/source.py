"""What the operator asks of a source of metrics."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self

from modelrollout.api.gates import Gate
from modelrollout.rollout.measurements import Measurement


class Arm(StrEnum):
    """The two sides of a comparison."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Arms:
    """The pods of both arms: their namespace, and for each arm a regular expression that matches their whole names.

    The expressions use only what RE2 and Python share, and no pod matches both. An arm may have no pods, by an empty
    expression; then the other one is counted alone.

    reference: what the champion's side is, for a person: the champion, or a baseline in its place.
    alone: gates, by name, that need counters of the challenger only, since they compare it with a fixed figure.
    champion_version, challenger_version: of the Bento, as in its tag; needed by gates with a cohort label.
    one_version: whether both arms are of one version, so that only their pods tell them apart.
    other_pods: those that serve beside the arms, for gates that do not count by pods; nothing if empty.
    champion_service, challenger_service: names of their Services; needed where a gateway counts.
    rollout: name of the ModelRollout; needed where truths are counted.
    serving: names of the pods, of whatever version, that have been ready for so long that they must have been scraped;
        empty if that is not known.
    """

    namespace: str
    champion_pods: str
    challenger_pods: str
    reference: str = "champion"
    alone: frozenset[str] = frozenset()
    champion_version: str = ""
    challenger_version: str = ""
    one_version: bool = False
    other_pods: str = ""
    champion_service: str = ""
    challenger_service: str = ""
    rollout: str = ""
    serving: frozenset[str] = frozenset()

    @classmethod
    def of_one_version(cls, namespace: str, pods: Collection[str], version: str) -> Self:
        """The pods of one version, by name, in two halves to compare with each other. A lone pod is the first half.

        version: in the tag of its Bento.
        """
        first, second = ("|".join(sorted(pods)[half::2]) for half in range(2))
        return cls(namespace, first, second, champion_version=version, challenger_version=version, one_version=True)

    @property
    def with_other_pods(self) -> Self:
        """The arms with all pods that serve, for where it does not matter which arm a pod belongs to."""
        if not self.other_pods:
            return self
        return replace(self, champion_pods=f"{self.champion_pods}|{self.other_pods}", other_pods="")

    @property
    def present(self) -> Sequence[Arm]:
        """The arms that have pods."""
        return [arm for arm in Arm if self.pods(arm)]

    def pods(self, arm: Arm) -> str:
        """The regular expression of one arm."""
        return self.champion_pods if arm is Arm.CHAMPION else self.challenger_pods

    def version(self, arm: Arm) -> str:
        """The version of an arm's Bento, in lower case, as BentoML has it in its tags."""
        return (self.champion_version if arm is Arm.CHAMPION else self.challenger_version).lower()

    def name(self, arm: Arm) -> str:
        """What an arm is, for a person."""
        return self.reference if arm is Arm.CHAMPION else arm

    def arm_of(self, pod: str) -> Arm | None:
        """The arm that a pod belongs to, by its name."""
        return next((arm for arm in Arm if re.fullmatch(self.pods(arm), pod)), None)


class MetricsSource(Protocol):
    """Where gates get their data from."""

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        """What the gates, by name, can count since scrape window `after`; never raises for a source that fails.

        after: index of the last window already counted; None if nothing was, which counts from now on.
        now: seconds since the epoch. Windows that are not complete by then are left for later. After a long gap one
            call may stop short of now: `through` of the result says where the next one has to go on.
        """
