"""`POST /v1/truths/csv`: truths as a table, of any length."""

import csv
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from modelrollout_outcomes.records import TRUTH, TruthState
from modelrollout_outcomes.service.access import Access, require
from modelrollout_outcomes.service.bodies import validate
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.truths import refusals, take
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.directory import RolloutName
from modelrollout_outcomes.storage.truths import AT_ONCE

COLUMNS = frozenset({"request", "key", "at", "truth", "value", "by"})
MOST_PROBLEMS = 10_000
_LONGEST_LINE = 65_536


class Problem(BaseModel):
    """A line that was not taken, or that waits for its prediction."""

    line: int
    state: TruthState
    reason: str


class TableAnswer(BaseModel):
    """How many lines came to what, and what the first MOST_PROBLEMS problems are."""

    counts: dict[TruthState, int]
    late: int
    problems: list[Problem]


def routes(service: Service, access: Access, turns: Turns) -> APIRouter:
    """The route that takes tables."""
    router = APIRouter(tags=["truths"])

    @router.post("/v1/truths/csv")
    async def post_table(namespace: str, rollout: str, request: Request) -> TableAnswer:
        """Take truths as CSV with a header: `truth`, and `request` or `key` and `at`; also `value` and `by`.

        Lines are stored in parts as they come. What was stored before a failure stays; a table may be sent again.
        """
        answer = TableAnswer(counts=dict.fromkeys(TruthState, 0), late=0, problems=[])
        name = RolloutName(namespace, rollout)
        async with turns.turn():
            caller = await access.caller(request)
            await require(caller, "create", "truths", name)
            async for part in _parts(_lines(request)):
                valid, rejected = validate([{**row, **_named(name)} for _, row in part], TRUTH)
                answers = {each.index: (TruthState.REJECTED, False, each.reason) for each in rejected}
                refused = await refusals(valid, caller, service)
                taken = {index: truth for index, truth in valid.items() if index not in refused}
                for index, each in {**refused, **await turns.run(take, service, taken)}.items():
                    answers[index] = each.state, each.late, each.reason
                for index in sorted(answers):
                    _note(answer, part[index][0], *answers[index])
        return answer

    return router


def _note(answer: TableAnswer, line: int, state: TruthState, late: bool, reason: str) -> None:
    answer.counts[state] += 1
    answer.late += late
    if reason and len(answer.problems) < MOST_PROBLEMS:
        answer.problems.append(Problem(line=line, state=state, reason=reason))


def _named(name: RolloutName) -> Mapping[str, str]:
    return {"namespace": name.namespace, "rollout": name.name}


async def _parts(lines: AsyncIterator[str]) -> AsyncIterator[list[tuple[int, dict[str, Any]]]]:
    """Rows with the numbers of their lines, AT_ONCE at a time."""
    number = 0
    header: list[str] = []
    part: list[tuple[int, dict[str, Any]]] = []
    async for line in lines:
        number += 1
        if not line.strip():
            continue
        row = next(csv.reader([line]))
        if not header:
            header = _header(row)
            continue
        given = {name: cell for name, cell in zip(header, row, strict=False) if cell != ""}
        part.append((number, given))
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _header(row: list[str]) -> list[str]:
    header = [name.strip().lower().removeprefix("\ufeff") for name in row]
    if "truth" not in header or not {"request", "key"} & set(header) or set(header) - COLUMNS:
        columns = ", ".join(sorted(COLUMNS))
        raise HTTPException(400, f"the first line must name truth, and request or key and at, out of: {columns}")
    return header


async def _lines(request: Request) -> AsyncIterator[str]:
    """Lines as they come. Answers 413 for one that never ends, and 400 for what is no UTF-8."""
    rest = b""
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _text(line)
        if len(rest) > _LONGEST_LINE:
            raise HTTPException(413, f"a line is longer than {_LONGEST_LINE} bytes")
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    try:
        return line.decode().rstrip("\r")
    except UnicodeDecodeError as error:
        raise HTTPException(400, "the table is not UTF-8") from error
