"""`POST /v1/predictions`."""

from fastapi import APIRouter, Request

from modelrollout_outcomes.records import PREDICTION, Prediction, PredictionsAnswer, Rejection
from modelrollout_outcomes.service.access import Access, Caller
from modelrollout_outcomes.service.bodies import read_items, validate
from modelrollout_outcomes.service.documented import documented
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.directory import RolloutName

AHEAD_SECONDS = 300
"""How far the clock of a model may be ahead of the service's."""


def routes(service: Service, access: Access, turns: Turns) -> APIRouter:
    """The route that takes predictions."""
    router = APIRouter(tags=["predictions"])

    @router.post("/v1/predictions", **documented({"predictions": list[Prediction]}))
    async def post_predictions(request: Request) -> PredictionsAnswer:
        """Store predictions, each once. What is not stored is named, with the reason; the rest is."""
        async with turns.turn():
            caller = await access.caller(request)
            items = await read_items(request, "predictions", service.settings.max_body)
            valid, rejected = validate(items, PREDICTION)
            rejected += await _refusals(valid, caller, service)
            for refusal in rejected:
                valid.pop(refusal.index, None)
            accepted = await turns.run(service.predictions.store, list(valid.values()))
        rejected.sort(key=lambda refusal: refusal.index)
        return PredictionsAnswer(accepted=accepted, duplicates=len(valid) - accepted, rejected=rejected)

    return router


async def _refusals(valid: dict[int, Prediction], caller: Caller, service: Service) -> list[Rejection]:
    now = service.clock()
    named = {RolloutName(each.namespace, each.rollout) for each in valid.values()}
    forbidden = {name: await caller.refusal("create", "predictions", name) for name in named}
    found = []
    for index, each in valid.items():
        reason = forbidden[RolloutName(each.namespace, each.rollout)]
        if not reason and each.at < now - service.settings.retention:
            reason = "the prediction is older than what is kept"
        elif not reason and each.at > now + AHEAD_SECONDS:
            reason = "the prediction is of the future: is the clock right?"
        if reason:
            found.append(Rejection(index=index, reason=reason))
    return found
