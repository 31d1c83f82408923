"""What one scrape window tells about the two arms of a rollout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """Requests of one arm in a window and how many were bad (failed, slow, wrong, unsure: the gate says)."""

    total: int = 0
    bad: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.total:
            raise ValueError(f"bad must lie between 0 and total, got {self.bad} of {self.total}")

    def __add__(self, other: "ArmCounts") -> "ArmCounts":
        return ArmCounts(self.total + other.total, self.bad + other.bad)

    @property
    def rate(self) -> float | None:
        """Share of bad requests, None without requests."""
        return self.bad / self.total if self.total else None


NO_REQUEST = ArmCounts()


@dataclass(frozen=True, slots=True)
class Block:
    """Both arms over one and the same scrape window."""

    champion: ArmCounts = NO_REQUEST
    challenger: ArmCounts = NO_REQUEST

    def __add__(self, other: "Block") -> "Block":
        return Block(self.champion + other.champion, self.challenger + other.challenger)

    def to_list(self) -> list[int]:
        """[champion total, champion bad, challenger total, challenger bad]."""
        return [self.champion.total, self.champion.bad, self.challenger.total, self.challenger.bad]

    @classmethod
    def from_list(cls, counts: Sequence[int]) -> Self:
        """The block of `to_list`. Raises ValueError for anything else."""
        champion_total, champion_bad, challenger_total, challenger_bad = counts
        return cls(ArmCounts(champion_total, champion_bad), ArmCounts(challenger_total, challenger_bad))


EMPTY_BLOCK = Block()
