"""What the clients of a version got, summed up."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelrollout_demo.load import Answer

# The threshold of the manifest's latency gate.
SLOW_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Tally:
    """requests: answered or not. errors: all but status 200. slow: answered with 200, but later than SLOW_SECONDS.

    right: share of the predictions that name the true digit, None without any.
    """

    requests: int
    errors: int
    slow: int
    right: float | None

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> "Tally":
        """The sum over some answers."""
        answers = list(answers)
        predictions = [answer.right for answer in answers if answer.right is not None]
        return cls(
            requests=len(answers),
            errors=sum(answer.failed for answer in answers),
            slow=sum(answer.seconds > SLOW_SECONDS and not answer.failed for answer in answers),
            right=sum(predictions) / len(predictions) if predictions else None,
        )

    @property
    def bad(self) -> int:
        """Requests that no client can be content with."""
        return self.errors + self.slow
