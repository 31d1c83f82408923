"""What the champion did before a rollout: how often it failed, and how bursty its failures are."""

from collections.abc import Mapping, Sequence

from modelrollout.api.evidence import ChampionHistory
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.dispersion import estimate_dispersion
from modelrollout.evidence.pods import pod_spread
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION
from modelrollout.rollout.measurements import Counted, Measurement
from modelrollout.rollout.plausibility import plausible

# The fewest scrape windows that show how bursty failures are.
LEAST_WINDOWS = 60


def champion_history(halves: Mapping[str, Measurement]) -> tuple[ChampionHistory, ...]:
    """The champion's history for every gate that can be counted.

    halves: what the gates, by name, count when the champion's pods are split in two arms. Both arms run the same
        version: what differs between them more than chance allows is the burstiness of its failures. A lone pod has
        no second half: its neighbouring windows are compared, and a change of its failures in time counts as bursts.
    """
    return tuple(
        _history(gate, [window.block for window in measurement.windows], measurement.by_pod)
        for gate, measurement in plausible(halves).items()
        if isinstance(measurement, Counted) and measurement.windows
    )


def _history(gate: str, blocks: Sequence[Block], pods: Sequence[ArmCounts]) -> ChampionHistory:
    counts = [arm for block in blocks for arm in (block.champion, block.challenger)]
    # A few windows tell the rate, but of bursts not even whether there are any.
    measured = len(blocks) >= LEAST_WINDOWS
    dispersion = estimate_dispersion(_compared(blocks)).upper if measured else UNMEASURED_DISPERSION
    return ChampionHistory(
        gate=gate,
        requests=sum(arm.total for arm in counts),
        bad=sum(arm.bad for arm in counts),
        dispersion=dispersion,
        pod_spread=pod_spread(pods, dispersion) if measured else 0.0,
    )


def _compared(blocks: Sequence[Block]) -> Sequence[tuple[ArmCounts, ArmCounts]]:
    if any(block.challenger.total for block in blocks):
        return [(block.champion, block.challenger) for block in blocks]
    counts = [block.champion for block in blocks]
    return list(zip(counts[::2], counts[1::2], strict=False))
