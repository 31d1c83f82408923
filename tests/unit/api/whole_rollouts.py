"""Any valid ModelRollout with its status, for tests of properties."""

from hypothesis import strategies as st
from tests.unit.api.strategies import build, counts, json_objects, label_maps, labels, names, specs, text, times

from modelrollout.api.commands import Command
from modelrollout.api.conditions import Condition, ConditionStatus
from modelrollout.api.evidence import EvidenceCheckpoint, TrafficSplit
from modelrollout.api.gate_status import GateStatus
from modelrollout.api.rollout import ModelRollout, ObjectMeta
from modelrollout.api.status import (
    BaselineVersion,
    Decision,
    Phase,
    QuarantinedVersion,
    RetiringVersion,
    RolloutProgress,
    Stage,
    Status,
    Version,
    Watch,
)

_version_fields = {"bento": text, "image": text, "hash": text}
versions = build(Version, **_version_fields)
statuses = build(
    Status,
    observed_generation=st.none() | counts,
    phase=st.none() | st.sampled_from(Phase),
    champion=st.none() | versions,
    challenger=st.none() | versions,
    previous=st.none() | versions,
    baseline=st.none()
    | build(BaselineVersion, **_version_fields, weight=st.integers(0, 100), replicas=st.integers(1, 1000)),
    weight=st.none() | st.integers(0, 100),
    verdict=text,
    serving_since=st.none() | times,
    rollout=st.none()
    | build(
        RolloutProgress,
        started_at=times,
        ramping_since=st.none() | times,
        not_ready_since=st.none() | times,
        metrics_unavailable_since=st.none() | times,
        stage=st.sampled_from([Stage.PREPARING, Stage.RAMPING, Stage.PROMOTING]),
        since=times,
        step=counts,
        step_since=times,
        target_weight=st.integers(0, 100),
        awaits_approval=st.booleans(),
        attempt=counts,
    ),
    watch=st.none() | build(Watch, since=times, until=times, hold_back_percent=st.integers(0, 50)),
    retiring=st.lists(build(RetiringVersion, **_version_fields, since=times), max_size=3),
    gates=st.lists(
        build(
            GateStatus,
            name=text,
            verdict=text,
            message=text,
            guarantee=text,
            compared_with=st.none() | text,
            champion=st.none() | text,
            challenger=st.none() | text,
            requests=st.none() | counts,
            state=st.none() | json_objects,
        ),
        max_size=3,
        unique_by=lambda gate: gate.name,
    ),
    evidence=st.none()
    | build(
        EvidenceCheckpoint,
        window=counts,
        at=times,
        split=st.none()
        | build(
            TrafficSplit,
            champion_weight=st.integers(0, 100),
            challenger_weight=st.integers(0, 100),
            from_window=counts,
            requests=counts,
            challenger_requests=counts,
            state=st.none() | text,
        ),
    ),
    quarantine=st.lists(
        build(
            QuarantinedVersion,
            **_version_fields,
            reason=text,
            message=text,
            at=times,
            failures=counts,
            released=st.booleans(),
        ),
        max_size=3,
    ),
    handled=st.dictionaries(st.sampled_from([str(command) for command in Command]), text),
    last_decision=st.none()
    | build(Decision, at=times, action=text, reason=text, message=text, weight=st.none() | st.integers(0, 100)),
    conditions=st.lists(
        build(
            Condition,
            type=labels,
            status=st.sampled_from(ConditionStatus),
            observed_generation=st.none() | counts,
            last_transition_time=times,
            reason=labels,
            message=text,
        ),
        max_size=3,
        unique_by=lambda condition: condition.type,
    ),
)


rollouts = build(
    ModelRollout,
    api_version=st.just("modelrollout.io/v1alpha1"),
    kind=st.just("ModelRollout"),
    metadata=build(
        ObjectMeta,
        name=names,
        namespace=labels,
        generation=counts,
        labels=label_maps,
        annotations=st.dictionaries(labels, text, max_size=3),
    ),
    spec=specs,
    status=statuses,
)
