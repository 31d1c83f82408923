"""What has been counted of a rollout, for people."""

from pydantic import BaseModel
from sqlalchemy import select

from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.directory import RolloutName
from modelrollout_outcomes.storage.tables import cohorts, rollouts, totals


class MaturityStatus(BaseModel):
    """The whole of one version at one maturity, in seconds."""

    maturity: int
    version: str
    revision: str
    right: int = 0
    wrong: int = 0
    unlabelled: int = 0

    @property
    def coverage(self) -> float:
        """The share that had a truth."""
        labelled = self.right + self.wrong
        return labelled / (labelled + self.unlabelled)


def status_of(database: Database, name: RolloutName) -> list[MaturityStatus]:
    """One entry for each maturity and version; none of a rollout of which nothing has matured."""
    selected = (
        select(totals.c.seconds, cohorts.c.version, cohorts.c.revision, totals.c.first, totals.c["count"])
        .join(rollouts, rollouts.c.id == totals.c.rollout)
        .join(cohorts, cohorts.c.id == totals.c.cohort)
        .where(rollouts.c.namespace == name.namespace, rollouts.c.name == name.name)
        .where(totals.c.measure == "matured", totals.c.segment == "")
        .order_by(totals.c.seconds, totals.c.cohort)
    )
    found: dict[tuple[int, str, str], MaturityStatus] = {}
    with database.reading() as connection:
        for seconds, version, revision, outcome, count in connection.execute(selected):
            entry = MaturityStatus(maturity=seconds, version=version, revision=revision)
            setattr(found.setdefault((seconds, version, revision), entry), outcome, count)
    return list(found.values())
