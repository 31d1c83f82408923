"""Where traffic goes, whatever happens to the pods."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import START

from modelrollout.api.status import BaselineVersion, RolloutProgress, Status, Version, Watch
from modelrollout.rollout.observation import VersionObservation
from modelrollout.rollout.placement import desired_versions, desired_weights


def version(name: str) -> Version:
    return Version(bento=f"churn:{name}", image=name, hash=name)


progresses = st.builds(
    lambda weight, ramping: RolloutProgress(
        started_at=START,
        step=0,
        step_since=START,
        attempt=1,
        target_weight=weight,
        ramping_since=START if ramping else None,
    ),
    st.integers(0, 100),
    st.booleans(),
)
baselines = st.none() | st.builds(
    lambda weight, replicas: BaselineVersion(**version("baseline").model_dump(), weight=weight, replicas=replicas),
    st.integers(1, 50),
    st.integers(1, 5),
)
in_rollout = st.fixed_dictionaries({"challenger": st.just(version("challenger")), "rollout": progresses})
watched = st.fixed_dictionaries(
    {
        "previous": st.just(version("previous")),
        "watch": st.integers(0, 50).map(lambda kept: Watch(since=START, until=START, hold_back_percent=kept)),
    }
)
statuses = st.builds(
    lambda going_on, baseline: Status(champion=version("champion"), baseline=baseline, **going_on),
    in_rollout | watched,
    baselines,
) | st.just(Status(champion=version("champion")))
ready_pods = st.dictionaries(st.sampled_from(["champion", "challenger", "previous", "baseline"]), st.integers(0, 5))


@given(statuses, ready_pods, st.integers(1, 5))
def test_traffic_is_split_among_versions_that_can_carry_it(
    status: Status, ready: dict[str, int], replicas: int
) -> None:
    observed = {name: VersionObservation(name, pods, pods, updated=True) for name, pods in ready.items()}
    weights = desired_weights(status, replicas, observed)
    assert sum(weights.values()) == 100
    assert all(weight >= 0 for weight in weights.values())
    assert weights.keys() == {wanted.version.hash for wanted in desired_versions(status, replicas, observed)}
    serving = {name for name in weights if ready.get(name)}
    if serving:
        assert {name for name, weight in weights.items() if weight} <= serving
    else:
        assert weights["champion"] == 100


@given(statuses, st.integers(1, 5))
def test_a_baseline_gets_its_share_from_the_champion_s_and_no_more(status: Status, replicas: int) -> None:
    names = ("champion", "challenger", "previous", "baseline")
    observed = {name: VersionObservation(name, 5, 5, updated=True) for name in names}
    with_baseline = desired_weights(status, replicas, observed)
    without = desired_weights(status.model_copy(update={"baseline": None}), replicas, observed)
    share = with_baseline.pop("baseline", 0)
    assert share <= (status.baseline.weight if status.baseline else 0)
    assert with_baseline == without | {"champion": without["champion"] - share}
