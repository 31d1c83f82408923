"""What every kind of gate says of itself."""

from collections.abc import Hashable, Iterator
from typing import ClassVar

from modelrollout.api.base import ApiModel


class Kind(ApiModel):
    """A kind of gate. Those that do not say otherwise count what is counted by the pod that counts it."""

    seen_at_pods: ClassVar[bool] = False
    """Whether the statuses of pods tell all that it counts, so that no source of metrics is asked."""

    @property
    def counted(self) -> tuple[Hashable, ...]:
        """What is read of the metrics: gates of one kind that agree in it can be judged by the same data."""
        raise NotImplementedError

    @property
    def has_error_rates(self) -> bool:
        """Whether its verdicts keep declared error rates, and so have a part of those of the rollout."""
        return True

    @property
    def why_not_planned(self) -> str:
        """Why the number of requests does not tell when there is a verdict, for a person; empty if it does."""
        return ""

    @property
    def cohort(self) -> str | None:
        """Label that names the version for which counters count; None if they count for the version of their pod."""
        return None

    @property
    def warm_up_seconds(self) -> float:
        """How long the requests of a pod are left out after its first one."""
        return 0.0

    @property
    def counts_all_requests(self) -> bool:
        """Whether what it counts follows the traffic, so that the split of the traffic can be seen in it."""
        return False

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong although the schema allows it: a member by its name in a manifest, and what is allowed."""
        return iter(())

    def problems_if_applied(self) -> Iterator[tuple[str, str]]:
        """Likewise what is wrong with a gate that is applied; one that is stored is judged as far as that can be."""
        return iter(())
