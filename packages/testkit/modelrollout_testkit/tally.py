"""What the clients of a version got, summed up."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelrollout_testkit.answers import Answer


@dataclass(frozen=True, slots=True)
class Tally:
    """requests: answered or not. errors: all but status 200. slow: answered with 200, but too late.

    right: share of the predictions that name the true digit, None without any.
    """

    requests: int
    errors: int
    slow: int
    right: float | None

    @classmethod
    def of(cls, answers: Iterable[Answer], slow_after: float) -> "Tally":
        """The sum over some answers, of which those that took longer than `slow_after` seconds are slow."""
        answers = list(answers)
        predictions = [answer.right for answer in answers if answer.right is not None]
        return cls(
            requests=len(answers),
            errors=sum(answer.failed for answer in answers),
            slow=sum(answer.seconds > slow_after and not answer.failed for answer in answers),
            right=sum(predictions) / len(predictions) if predictions else None,
        )

    @property
    def bad(self) -> int:
        """Requests that no client can be content with."""
        return self.errors + self.slow
