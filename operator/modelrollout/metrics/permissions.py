"""Where gates may ask Prometheus what they like."""

from collections.abc import Collection, Mapping, Sequence

from modelrollout.api.gates import Gate
from modelrollout.api.gates.query import QueryGate
from modelrollout.metrics.source import Arms, MetricsSource
from modelrollout.rollout.measurements import BadQuery, Measurement

EVERYWHERE = "*"


class PermittedQueries:
    """A MetricsSource that leaves the gates of kind query unasked where the administrator has not allowed them."""

    def __init__(self, source: MetricsSource, namespaces: Collection[str]) -> None:
        """namespaces: where they are allowed; with EVERYWHERE among them, in all."""
        self._source = source
        self._namespaces = frozenset(namespaces)

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        """See MetricsSource."""
        forbidden = [] if self._allows(arms.namespace) else [gate for gate in gates if isinstance(gate.kind, QueryGate)]
        refusal = BadQuery(
            f"gates of kind query are not allowed in namespace {arms.namespace}; the operator's administrator says "
            "where they are (option --query-gates, chart value queryGates.namespaces)"
        )
        permitted = [gate for gate in gates if gate not in forbidden]
        measured = await self._source.measure(permitted, arms, after=after, now=now)
        return {**measured, **dict.fromkeys([gate.name for gate in forbidden], refusal)}

    def _allows(self, namespace: str) -> bool:
        return bool(self._namespaces & {namespace, EVERYWHERE})
