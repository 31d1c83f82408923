"""What the routes work with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.directory import Directory
from modelrollout_outcomes.storage.maturing import Maturing
from modelrollout_outcomes.storage.predictions import PredictionStore
from modelrollout_outcomes.storage.retention import Retention
from modelrollout_outcomes.storage.truths import TruthStore


@dataclass(frozen=True)
class Service:
    """One process' view of the database and of its settings."""

    settings: ServiceSettings
    database: Database
    directory: Directory
    predictions: PredictionStore
    truths: TruthStore
    maturing: Maturing
    retention: Retention
    clock: Callable[[], float]
    """Seconds since the epoch."""

    @classmethod
    def of(cls, settings: ServiceSettings, database: Database, clock: Callable[[], float] = time.time) -> Self:
        directory = Directory(database)
        truths = TruthStore(database, settings.limits, settings.key_window)
        return cls(
            settings,
            database,
            directory,
            PredictionStore(database, directory, truths),
            truths,
            Maturing(database, truths, settings.maturity),
            Retention(database, settings.retention, settings.truth_waits),
            clock,
        )
