"""A prediction as it is known, with what is known of its truth."""

from dataclasses import dataclass

from modelrollout_outcomes.records import Value


@dataclass(frozen=True, slots=True)
class Known:
    """One prediction. `cohort` stands for the version and revision that made it, `day` for the day of the request.

    `truth_at` is when the first truth came; a later one that corrects it changes the others of its fields.
    """

    request: str
    cohort: int
    day: int
    at: float
    prediction: Value | None = None
    confidence: float | None = None
    segments: tuple[str, ...] = ()
    key: str | None = None
    truth: Value | None = None
    value: float | None = None
    truth_at: float | None = None
    truth_by: str = ""
