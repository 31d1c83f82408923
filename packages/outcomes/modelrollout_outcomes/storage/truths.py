"""Take truths: give each to the predictions that it is about, or keep it until there are any."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, or_, select, update

from modelrollout_outcomes.counting import Cell, Tally, late
from modelrollout_outcomes.known import Known
from modelrollout_outcomes.records import Truth, TruthAnswer, TruthState
from modelrollout_outcomes.settling import Settlement, meant_by, settle
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.directory import matured_until
from modelrollout_outcomes.storage.rows import as_json, from_stored, give_truths, known_predictions, read
from modelrollout_outcomes.storage.tables import overdue, waiting_truths
from modelrollout_outcomes.storage.totals import Names, add_totals

AT_ONCE = 1000
"""Truths that are looked up by one statement."""


@dataclass(frozen=True)
class Taken:
    """A truth, and when it came."""

    truth: Truth
    at: float


@dataclass(frozen=True)
class TruthStore:
    """Truths of one rollout at a time, in the caller's transaction, in which the rollout is shared or had alone."""

    database: Database
    limits: Mapping[str, int]
    key_window: float
    """Seconds before the time of a truth by key in which its prediction is looked for."""

    def take(self, connection: Connection, rollout: int, truths: Sequence[Taken]) -> list[TruthAnswer]:
        """Settle truths in their order, at most AT_ONCE. Those that find no prediction are kept."""
        settlements = self._settle(connection, rollout, truths)
        waiting = [
            taken
            for taken, settlement in zip(truths, settlements, strict=True)
            if settlement.answer.state is TruthState.WAITING
        ]
        self._keep(connection, rollout, waiting)
        return [settlement.answer for settlement in settlements]

    def match_new(self, connection: Connection, rollout: int, predictions: Sequence[Known]) -> None:
        """Give predictions that were just stored the truths that came before them."""
        requests = [each.request for each in predictions]
        keys = {each.key for each in predictions if each.key is not None}
        about = or_(waiting_truths.c.request.in_(requests), waiting_truths.c.key.in_(keys))
        self._match(connection, rollout, _kept(rollout).where(about))

    def match_unseen(self, connection: Connection, rollout: int) -> bool:
        """Look for the predictions of truths that came while these were stored. Returns whether there may be more.

        The rollout must be had alone: a prediction that is stored later finds what is kept by then.
        """
        unseen = (
            _kept(rollout).where(waiting_truths.c.looked_for.is_(False)).order_by(waiting_truths.c.id).limit(AT_ONCE)
        )
        return self._match(connection, rollout, unseen) == AT_ONCE

    def _match(self, connection: Connection, rollout: int, kept: Select[tuple[object, ...]]) -> int:
        rows = connection.execute(kept).all()
        if not rows:
            return 0
        taken = [Taken(_as_truth(row), row.truth_at) for row in rows]
        settlements = self._settle(connection, rollout, taken)
        still = [
            row.id
            for row, settlement in zip(rows, settlements, strict=True)
            if settlement.answer.state is TruthState.WAITING
        ]
        settled = {row.id for row in rows} - set(still)
        connection.execute(delete(waiting_truths).where(waiting_truths.c.id.in_(settled)))
        connection.execute(update(waiting_truths).where(waiting_truths.c.id.in_(still)).values(looked_for=True))
        return len(rows)

    def _settle(self, connection: Connection, rollout: int, truths: Sequence[Taken]) -> list[Settlement]:
        predictions = _Predictions(self._find(connection, rollout, truths))
        until = matured_until(connection, rollout)
        settlements = []
        for taken in truths:
            about = predictions.meant_by(taken.truth, self.key_window)
            settlement = settle(taken.truth, about, taken.at, until)
            predictions.change(settlement.changed)
            settlements.append(settlement)
        give_truths(connection, rollout, list(predictions.changed.values()))
        self._count(connection, rollout, settlements, until)
        return settlements

    def _find(self, connection: Connection, rollout: int, truths: Sequence[Taken]) -> list[Known]:
        """The predictions that truths may be about, locked in one order against others that change them."""
        requests = {taken.truth.request for taken in truths if taken.truth.request is not None}
        keys = {taken.truth.key for taken in truths if taken.truth.key is not None}
        table = known_predictions(rollout).selected_columns
        about = [column.in_(values) for column, values in ((table.request, requests), (table.key, keys)) if values]
        ordered = known_predictions(rollout).order_by(table.request, table.cohort, table.day).with_for_update()
        return [each for condition in about for each in read(connection, ordered.where(condition))]

    def _count(
        self, connection: Connection, rollout: int, settlements: Iterable[Settlement], until: Mapping[int, float]
    ) -> None:
        first = [each for settlement in settlements for each in settlement.first]
        for seconds, time in until.items():
            if candidates := [each for each in first if each.at <= time]:
                counted = _without_overdue(connection, rollout, seconds, candidates)
                names = Names(self.database, connection, rollout, self.limits)
                add_totals(self.database, connection, rollout, seconds, late(counted, names))
        corrected: dict[Cell, Tally] = defaultdict(Tally)
        for settlement in settlements:
            if settlement.answer.state is TruthState.CORRECTED:
                for each in settlement.changed:
                    corrected[Cell(each.cohort, "", "corrected", "")].add()
        add_totals(self.database, connection, rollout, 0, corrected)

    def _keep(self, connection: Connection, rollout: int, waiting: Sequence[Taken]) -> None:
        for columns in (("rollout", "request"), ("rollout", "key", "at")):
            rows = [_as_row(rollout, each) for each in waiting if getattr(each.truth, columns[1]) is not None]
            if not rows:
                continue
            statement = self.database.insert(waiting_truths)
            replaced = {name: statement.excluded[name] for name in ("truth", "truth_value", "truth_by")}
            statement = statement.on_conflict_do_update(index_elements=columns, set_=replaced)
            connection.execute(statement, list(_last_of_each(rows, columns)))


class _Predictions:
    """Predictions by request and by key, as they are after the truths that were settled so far."""

    def __init__(self, found: Iterable[Known]) -> None:
        self._known: dict[tuple[str, int, int], Known] = {}
        self._by_request: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        self._by_key: dict[str | None, set[tuple[str, int, int]]] = defaultdict(set)
        self.changed: dict[tuple[str, int, int], Known] = {}
        for each in found:
            self._known[_identity(each)] = each
            self._by_request[each.request].add(_identity(each))
            self._by_key[each.key].add(_identity(each))

    def meant_by(self, truth: Truth, window: float) -> Sequence[Known]:
        if truth.request is not None:
            return [self._known[each] for each in sorted(self._by_request[truth.request])]
        return meant_by(truth, (self._known[each] for each in sorted(self._by_key[truth.key])), window)

    def change(self, changed: Iterable[Known]) -> None:
        for each in changed:
            self._known[_identity(each)] = self.changed[_identity(each)] = each


def _without_overdue(connection: Connection, rollout: int, seconds: int, found: Sequence[Known]) -> list[Known]:
    """Those that have been counted: what is overdue is counted with its truth, late or not, by whoever counts next."""
    columns = (overdue.c.request, overdue.c.cohort, overdue.c.day)
    requests = overdue.c.request.in_(each.request for each in found)
    of_maturity = (overdue.c.rollout == rollout, overdue.c.seconds == seconds)
    uncounted = {tuple(row) for row in connection.execute(select(*columns).where(*of_maturity, requests))}
    return [each for each in found if _identity(each) not in uncounted]


def _identity(each: Known) -> tuple[str, int, int]:
    return each.request, each.cohort, each.day


def _kept(rollout: int) -> Select[tuple[object, ...]]:
    return select(*waiting_truths.columns).where(waiting_truths.c.rollout == rollout)


def _as_truth(row: object) -> Truth:
    fields = {name: getattr(row, name) for name in ("request", "key", "at")}
    truth = {"truth": from_stored(row.truth), "value": row.truth_value, "by": row.truth_by}  # type: ignore[attr-defined]
    return Truth.model_construct(namespace="", rollout="", **fields, **truth)


def _as_row(rollout: int, taken: Taken) -> dict[str, object]:
    truth = taken.truth
    return {
        "rollout": rollout,
        "request": truth.request,
        "key": truth.key,
        "at": truth.at if truth.key is not None else None,
        "truth": as_json(truth.truth),
        "truth_value": truth.value,
        "truth_at": taken.at,
        "truth_by": truth.by,
        "looked_for": False,
    }


def _last_of_each(rows: Iterable[dict[str, object]], columns: Iterable[str]) -> Iterator[dict[str, object]]:
    yield from {tuple(row[column] for column in columns): row for row in rows}.values()
