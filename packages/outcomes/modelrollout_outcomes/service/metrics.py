"""`/metrics`: what has been counted, as the database has it."""

from collections.abc import Iterable, Iterator, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest
from prometheus_client.registry import Collector

from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.totals import Count, all_totals

PREFIX = "modelrollout_outcomes"


def routes(service: Service, turns: Turns) -> APIRouter:
    """The route that Prometheus scrapes."""
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts of what has matured, the same of every replica."""
        counts = await turns.run(_read, service)
        return Response(generate_latest(_Counted(counts)), media_type=CONTENT_TYPE_LATEST)

    return router


def families(counts: Iterable[Count]) -> Iterator[Metric]:
    """Counts as metric families."""
    found = {
        "matured": Metric(f"{PREFIX}_matured", "Predictions whose maturity is over, by what was known then", "counter"),
        "class": Metric(f"{PREFIX}_class", "Those of them with a truth, by the classes predicted and true", "counter"),
        "late": Metric(f"{PREFIX}_late", "Predictions whose first truth came after their maturity", "counter"),
        "corrected": Metric(f"{PREFIX}_corrected", "Truths that replaced another one", "counter"),
        "loss": Metric(f"{PREFIX}_loss", "Losses of those with a truth", "summary"),
        "square": Metric(f"{PREFIX}_loss_square_sum", "Sum of the squares of the losses", "unknown"),
    }
    for each in counts:
        labels, tally = _labels(each), each.tally
        if each.cell.measure == "loss":
            found["loss"].add_sample(f"{PREFIX}_loss_count", labels, tally.count)
            found["loss"].add_sample(f"{PREFIX}_loss_sum", labels, tally.total)
            found["square"].add_sample(f"{PREFIX}_loss_square_sum", labels, tally.square)
        else:
            family = found[each.cell.measure]
            family.add_sample(f"{family.name}_total", labels, tally.count)
    yield from found.values()


class _Counted(Collector):
    def __init__(self, counts: Iterable[Count]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        return families(self._counts)


def _read(service: Service) -> list[Count]:
    with service.database.reading() as connection:
        return list(all_totals(connection))


def _labels(count: Count) -> dict[str, str]:
    labels = {
        "namespace": count.namespace,
        "rollout": count.rollout,
        "version": count.version,
        "revision": count.revision,
    }
    if count.cell.measure != "corrected":
        labels |= {"maturity": str(count.seconds), "segment": count.cell.segment}
    return labels | dict(zip(_NAMES[count.cell.measure], count.cell[3:], strict=False))


_NAMES: Mapping[str, tuple[str, ...]] = {
    "matured": ("outcome",),
    "late": ("outcome",),
    "loss": ("loss",),
    "class": ("predicted", "truth"),
    "corrected": (),
}
