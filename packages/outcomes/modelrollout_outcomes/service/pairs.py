"""`GET /v1/rollouts/{namespace}/{rollout}/pairs`."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from modelrollout_outcomes.pairing import WINDOW_SECONDS, Comparison
from modelrollout_outcomes.service.access import Access, require
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.directory import RolloutName
from modelrollout_outcomes.storage.pairs import compared

_LONGEST_SECONDS = 7 * 86400


class WindowCounts(BaseModel):
    """Pairs of the minute that begins at `start`, in seconds since the epoch."""

    start: int
    agreed: int
    worse: int
    better: int
    unlabelled: int


class Answers(BaseModel):
    """How many requests the champion answered with one thing and the challenger with another, or the same."""

    champion: str
    challenger: str
    count: int


class Shift(BaseModel):
    """The challenger's less the champion's, on average over `count` pairs; none of no pairs."""

    mean: float | None
    count: int


class PairsAnswer(BaseModel):
    """Champion and challenger on the requests that both answered, in order of request time."""

    windows: list[WindowCounts]
    answers: list[Answers]
    confidence: Shift
    latency: Shift
    """In seconds."""


def routes(service: Service, access: Access, turns: Turns) -> APIRouter:
    """The route of pairs."""
    router = APIRouter(tags=["pairs"])

    @router.get("/v1/rollouts/{namespace}/{rollout}/pairs")
    async def get_pairs(
        namespace: str,
        rollout: str,
        champion: str,
        challenger: str,
        request: Request,
        start: float = 0.0,
        end: float | None = None,
    ) -> PairsAnswer:
        """Requests that both versions answered, at most of the last week before `end`, by minute.

        Only disagreements need truths: where both predict the same neither is better.
        """
        name = RolloutName(namespace, rollout)
        await require(await access.caller(request), "get", "outcomes", name)
        until = service.clock() if end is None else end
        since = max(start, until - _LONGEST_SECONDS)
        found = await turns.run(compared, service.database, name, champion, challenger, since, until)
        return _answer(found)

    return router


def _answer(found: Comparison) -> PairsAnswer:
    return PairsAnswer(
        windows=[
            WindowCounts(start=number * WINDOW_SECONDS, **vars(window))
            for number, window in sorted(found.windows.items())
        ],
        answers=[
            Answers(champion=champion, challenger=challenger, count=count)
            for (champion, challenger), count in found.confusion.most_common()
        ],
        confidence=_shift(found.confidence_shift, found.confidence_count),
        latency=_shift(found.latency_shift, found.latency_count),
    )


def _shift(total: float, count: int) -> Shift:
    return Shift(mean=total / count if count else None, count=count)
