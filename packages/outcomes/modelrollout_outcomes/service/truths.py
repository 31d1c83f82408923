"""`POST /v1/truths`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from fastapi import APIRouter, Request

from modelrollout_outcomes.records import TRUTH, Truth, TruthAnswer, TruthsAnswer, TruthState
from modelrollout_outcomes.service.access import Access, Caller
from modelrollout_outcomes.service.bodies import read_items, validate
from modelrollout_outcomes.service.documented import documented
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.directory import RolloutName
from modelrollout_outcomes.storage.truths import AT_ONCE, Taken


def routes(service: Service, access: Access, turns: Turns) -> APIRouter:
    """The route that takes truths."""
    router = APIRouter(tags=["truths"])

    @router.post("/v1/truths", **documented({"truths": list[Truth]}))
    async def post_truths(request: Request) -> TruthsAnswer:
        """Take truths, in any order and any number of times. Each has an answer of its own, in their order."""
        async with turns.turn():
            caller = await access.caller(request)
            items = await read_items(request, "truths", service.settings.max_body)
            valid, rejected = validate(items, TRUTH)
            answers = {refusal.index: _rejected(refusal.reason) for refusal in rejected}
            answers |= await refusals(valid, caller, service)
            taken = {index: truth for index, truth in valid.items() if index not in answers}
            answers |= await turns.run(take, service, taken)
        return TruthsAnswer(truths=[answers[index] for index in range(len(items))])

    return router


async def refusals(truths: Mapping[int, Truth], caller: Caller, service: Service) -> dict[int, TruthAnswer]:
    """Answers to those truths that are not taken, because of who brings them or of what they are about."""
    named = {RolloutName(each.namespace, each.rollout) for each in truths.values()}
    forbidden = {name: await caller.refusal("create", "truths", name) for name in named}
    oldest = service.clock() - service.settings.retention
    found = {}
    for index, each in truths.items():
        if reason := forbidden[RolloutName(each.namespace, each.rollout)]:
            found[index] = _rejected(reason)
        elif each.at is not None and each.at < oldest:
            found[index] = _rejected("its prediction is older than what is kept")
    return found


def take(service: Service, truths: Mapping[int, Truth]) -> dict[int, TruthAnswer]:
    """Store truths, those of one rollout after those of another, in transactions of AT_ONCE."""
    by_rollout: dict[RolloutName, list[int]] = defaultdict(list)
    for index, truth in truths.items():
        by_rollout[RolloutName(truth.namespace, truth.rollout)].append(index)
    answers: dict[int, TruthAnswer] = {}
    for name, indices in by_rollout.items():
        rollout = service.directory.rollout(name)
        for part in _parts(indices):
            answers.update(zip(part, _take(service, rollout, [truths[index] for index in part]), strict=True))
    return answers


def _take(service: Service, rollout: int, truths: Iterable[Truth]) -> list[TruthAnswer]:
    now = service.clock()
    with service.database.writing() as connection:
        service.database.share(connection, {rollout})
        return service.truths.take(connection, rollout, [Taken(truth, now) for truth in truths])


def _parts(indices: Sequence[int]) -> Iterable[Sequence[int]]:
    return (indices[start : start + AT_ONCE] for start in range(0, len(indices), AT_ONCE))


def _rejected(reason: str) -> TruthAnswer:
    return TruthAnswer(state=TruthState.REJECTED, reason=reason)
