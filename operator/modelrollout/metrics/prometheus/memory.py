"""Memory of what the pods' counters did before the windows that are counted now.

It only spares reading it again: whoever has no memory reads further back, and finds the same.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from modelrollout.api.gates import Gate
from modelrollout.metrics.counting.continuity import DEPTH, Followed
from modelrollout.metrics.source import Arms

# A look begins where the last checkpoint stands, which may be some looks ago.
_MOST_LOOKS = 8
_MOST_COMPARISONS = 5_000

_Key = tuple[Arms, tuple[str, ...]]
_ByGate = Mapping[str, Followed]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known when a look begins. depth: windows before its span that must be read for the rest."""

    depth: int = DEPTH
    by_gate: dict[str, Followed] = field(default_factory=dict)

    def followed(self, gate: str) -> Followed:
        """What is known of the pods whose counters a gate compares. It goes on as the look does."""
        return self.by_gate.setdefault(gate, Followed())


class Memory:
    """What is known of every comparison, by the last window of a look; safe to use from several threads."""

    def __init__(self) -> None:
        self._looks: OrderedDict[_Key, OrderedDict[int, _ByGate]] = OrderedDict()
        self._lock = Lock()

    def recall(self, arms: Arms, gates: Sequence[Gate], after: int) -> Recalled:
        """What is known up to a window."""
        with self._lock:
            looks = self._looks.get(_key(arms, gates))
            known = looks.get(after) if looks else None
        if known is None:
            return Recalled()
        return Recalled(0, {gate: followed.copy() for gate, followed in known.items()})

    def keep(self, arms: Arms, gates: Sequence[Gate], through: int, recalled: Recalled) -> None:
        """Remember what a look knows at its end."""
        key = _key(arms, gates)
        with self._lock:
            looks = self._looks.setdefault(key, OrderedDict())
            self._looks.move_to_end(key)
            looks[through] = {gate: followed.copy() for gate, followed in recalled.by_gate.items()}
            looks.move_to_end(through)
            if len(looks) > _MOST_LOOKS:
                looks.popitem(last=False)
            if len(self._looks) > _MOST_COMPARISONS:
                self._looks.popitem(last=False)


def _key(arms: Arms, gates: Sequence[Gate]) -> _Key:
    return replace(arms, serving=frozenset()), tuple(gate.model_dump_json() for gate in gates)
