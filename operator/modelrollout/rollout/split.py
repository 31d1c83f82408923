"""Does the traffic follow the weights? If not, every comparison is doubtful, whatever the gates say."""

import struct
from collections.abc import Iterable, Sequence
from math import log

from modelrollout.api.evidence import TrafficSplit
from modelrollout.api.gates import Gate
from modelrollout.api.status import Stage, Status
from modelrollout.evidence.packing import pack_floats, unpack_floats
from modelrollout.evidence.sample_ratio import SampleRatioState, SampleRatioTest, is_mismatch, update_sample_ratio
from modelrollout.evidence.verdict import percent_text
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.measurements import Counted, Window
from modelrollout.rollout.observation import Observation

_TEST = SampleRatioTest()
# Whole windows after a change of the weights in which proxies may still be taking it over.
_SETTLING = 2
# So that a split that has been put right is believed after about as long as it took to find out.
_MOST_EVIDENCE = -2 * log(_TEST.alpha)


def follow_split(
    earlier: TrafficSplit | None, weights: tuple[int, int], windows: Iterable[Window], *, present_window: int
) -> TrafficSplit | None:
    """The split after some more windows, in order; a new one if the weights have changed, None without any split.

    weights: of the champion's side and of the challenger, in percent, as all gateways have accepted them; (0, 0) if
        they have not. present_window: index of the window in which they were seen.
    """
    if 0 in weights:
        return None
    if earlier is None or weights != (earlier.champion_weight, earlier.challenger_weight):
        return TrafficSplit(
            champion_weight=weights[0], challenger_weight=weights[1], from_window=present_window + _SETTLING
        )
    split = earlier
    for window in windows:
        if window.index >= split.from_window:
            split = _counted(split, window)
    return split


def accepted_weights(observation: Observation, champion: str, challenger: str) -> tuple[int, int]:
    """The weights in percent of two versions, by hash, once all gateways have accepted them; (0, 0) until then.

    A version that gets copies of requests has the weight of the copies, beyond the 100 of all.
    """
    route = observation.route
    return (route.exposure(champion), route.exposure(challenger)) if route.settled else (0, 0)


def windows_of_requests(gates: Iterable[Gate], observation: Observation, through: int) -> Sequence[Window]:
    """The windows up to `through` of a gate that counts all requests; other counters may not follow the traffic."""
    for gate in gates:
        measurement = observation.measurements.get(gate.name)
        if gate.kind.counts_all_requests and isinstance(measurement, Counted):
            return [window for window in measurement.windows if window.index <= through]
    return ()


def mismatch(status: Status) -> str:
    """How the traffic differs from the weights, for a person; empty as long as it does not."""
    split = status.evidence and status.evidence.split
    if not split or split.state is None or not is_mismatch(_TEST, _state(split.state)):
        return ""
    if status.rollout and status.rollout.stage is Stage.SHADOWING:
        return _miscopied(split)
    observed = percent_text(split.challenger_requests / split.requests)
    other = "baseline" if status.baseline else "champion"
    return (
        f"the traffic does not follow the weights: of the requests to challenger and {other} {observed} went to the "
        f"challenger, where the weights say {percent_text(_share(split))}"
    )


def _miscopied(split: TrafficSplit) -> str:
    champion = split.requests - split.challenger_requests
    copied = split.challenger_requests / champion * split.champion_weight if champion else FULL_WEIGHT
    return (
        f"the gateway copies {copied:.0f} % of the requests to the challenger, where {split.challenger_weight} % are "
        "asked for: not every gateway can copy a part"
    )


def is_readable(split: TrafficSplit | None) -> bool:
    """Whether a split in a status is one that `follow_split` wrote."""
    if split is None:
        return True
    try:
        state_is_readable = split.state is None or bool(_state(split.state))
    except (ValueError, TypeError, struct.error):
        return False
    weighed = split.champion_weight > 0 and split.challenger_weight > 0
    return state_is_readable and weighed and 0 <= split.challenger_requests <= split.requests


def _counted(split: TrafficSplit, window: Window) -> TrafficSplit:
    if split.state is None:
        # What a window holds began with the one before it. Only from here on all of it is under these weights.
        return split.model_copy(update={"state": _packed(SampleRatioState())})
    champion, challenger = window.block.champion.total, window.block.challenger.total
    state = update_sample_ratio(_TEST, _state(split.state), champion + challenger, challenger, _share(split))
    return split.model_copy(
        update={
            "requests": split.requests + champion + challenger,
            "challenger_requests": split.challenger_requests + challenger,
            "state": _packed(state),
        }
    )


def _share(split: TrafficSplit) -> float:
    return split.challenger_weight / (split.champion_weight + split.challenger_weight)


def _packed(state: SampleRatioState) -> str:
    return pack_floats([min(value, _MOST_EVIDENCE) for value in (*state.log_more, *state.log_less)])


def _state(packed: str) -> SampleRatioState:
    sizes = len(SampleRatioState().log_more)
    logs = unpack_floats(packed, 2 * sizes)
    return SampleRatioState(logs[:sizes], logs[sizes:])
