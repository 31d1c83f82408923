"""Any valid part of a spec, for tests of properties."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from hypothesis import strategies as st

from modelrollout.api.base import ApiModel
from modelrollout.api.baseline import Baseline, ChampionBaseline, ServiceBaseline
from modelrollout.api.gates import Gate
from modelrollout.api.gates.drift import DriftGate
from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.api.gates.latency import LatencyGate
from modelrollout.api.gates.mean import Better, MeanGate
from modelrollout.api.gates.quality import QualityGate
from modelrollout.api.gates.query import QueryGate
from modelrollout.api.gates.restarts import RestartsGate
from modelrollout.api.gates.share import ShareGate
from modelrollout.api.lifecycle import Lifecycle
from modelrollout.api.model import Model
from modelrollout.api.serving import EnvVar, PodMetadata, PodTemplate, Resources, Serving
from modelrollout.api.shadow import Shadow
from modelrollout.api.spec import ModelRolloutSpec, Risk
from modelrollout.api.strategy import (
    Budget,
    Deadline,
    DeadlineAction,
    HoldBack,
    MetricsDeadline,
    Ramp,
    Step,
    Strategy,
)
from modelrollout.api.traffic import GatewayAPI, ParentReference, Traffic

M = TypeVar("M", bound=ApiModel)


def build(model: type[M], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[M]:
    """Models made of the given fields alone, by the names of the attributes. `st.builds` would go by the aliases."""
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


text = st.text(max_size=20)
labels = st.from_regex("[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
names = st.from_regex("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
durations = st.sampled_from(["0s", "500ms", "90s", "1h30m", "0d24h", "1d"])
positive_durations = st.sampled_from(["10s", "090s", "10000ms", "1h30m", "0d24h", "1d"])
quantities = st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,3})?(m|Ki|Mi|Gi|k|M|G)?", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)
ratios = st.floats(1, 10)
status_codes = st.sampled_from(["5..", "5..|429", "[45]..", r"(?i)5\d\d"])
endpoints = st.none() | st.sampled_from(["/predict", r"/v[0-9]+/\w+", ".*", "(/a|/b)"])
json_objects = st.dictionaries(
    text,
    st.recursive(
        st.none() | st.booleans() | st.integers() | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))

counts = st.integers(0, 10**12)

models = build(
    Model,
    bento=st.from_regex("[a-z][-a-z0-9_.]{0,9}[a-z0-9]:[a-z0-9]{1,10}", fullmatch=True),
    image=st.from_regex(
        "[a-z0-9]{1,9}(/[a-z0-9]{1,5}[-_][a-z0-9]{1,5}){0,2}(:v[0-9]|@sha256:[0-9a-f]{64})", fullmatch=True
    ),
)

resource_lists = st.dictionaries(st.sampled_from(["cpu", "memory"]), quantities)
resources = build(Resources, requests=resource_lists) | build(
    Resources, limits=resource_lists, requests=st.just({"cpu": "0", "example.com/gpu": "2"})
).map(lambda some: Resources(requests=some.requests, limits={**some.limits, "example.com/gpu": "2"}))
label_maps = st.dictionaries(labels, labels, max_size=3)
sources = st.sampled_from([{"secretKeyRef": {"name": "a", "key": "b"}}, {"fieldRef": {"fieldPath": "metadata.name"}}])
env_vars = build(EnvVar, name=labels, value=st.none() | text) | build(EnvVar, name=labels, value_from=sources)
pods = st.sampled_from(
    [
        {},
        {"securityContext": None, "nodeSelector": {"pool": "models"}},
        {"containers": [{"name": "model", "livenessProbe": None}, {"name": "side", "image": "side:v1"}]},
    ]
)
servings = build(
    Serving,
    replicas=st.integers(1, 1000),
    port=st.integers(1, 65535),
    resources=resources,
    env=st.lists(env_vars, max_size=3, unique_by=lambda variable: variable.name),
    pod_template=build(
        PodTemplate,
        metadata=build(PodMetadata, labels=label_maps, annotations=st.dictionaries(labels, text, max_size=3)),
        spec=pods,
    ),
    progress_deadline=positive_durations,
    drain=durations,
)

parent_references = build(ParentReference, name=labels, namespace=st.none() | labels, section_name=st.none() | labels)
traffics = build(
    Traffic,
    gateway_api=build(
        GatewayAPI,
        parent_refs=st.lists(parent_references, min_size=1, max_size=8, unique_by=lambda parent: parent.name),
        hostnames=st.lists(st.from_regex(r"(\*\.)?[a-z]{1,5}\.example", fullmatch=True), max_size=16, unique=True),
        path_prefix=st.sampled_from(["/", "/churn", "/models/churn/"]),
        timeout=st.sampled_from([None, "0s", "1m30s", "1h"]),
    ),
)


def _steps(weights: set[int]) -> st.SearchStrategy[list[Step]]:
    holds = st.tuples(*(st.tuples(st.sampled_from(["0s", "90s", "10m"]), st.booleans()) for _ in weights))
    return holds.map(
        lambda pairs: [
            Step(weight=weight, hold=hold, approval=approval)
            for weight, (hold, approval) in zip(sorted(weights), pairs, strict=True)
        ]
    )


steps = st.sets(st.integers(1, 100), min_size=1, max_size=20).flatmap(_steps)
ramps = build(Ramp, max_weight=st.integers(1, 100), budget=build(Budget, bad_requests=st.integers(1, 10**9)))
deadline_fields = {"after": st.sampled_from(["4h", "1d", "7d12h"]), "action": st.sampled_from(DeadlineAction)}
strategy_fields = {
    "hold_back": build(HoldBack, percent=st.integers(1, 50), for_=durations),
    "deadline": build(Deadline, **deadline_fields),
    "metrics_deadline": build(MetricsDeadline, **deadline_fields),
    "shadow": st.none()
    | build(
        Shadow,
        percent=st.integers(1, 100),
        for_=st.sampled_from(["10s", "90s", "1d"]),
        methods=st.lists(st.sampled_from(["GET", "POST", "PATCH"]), max_size=3, unique=True),
    ),
}
strategies = (
    build(Strategy, **strategy_fields)
    | build(Strategy, steps=steps, **strategy_fields)
    | build(Strategy, declared_ramp=ramps, **strategy_fields)
)


def _proportions(kind: type[M], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[M]:
    fields["tolerated"] = st.sampled_from(["0%", "0.25%"])
    percents = st.from_regex(r"4[0-9](\.[0-9]{1,6})?%", fullmatch=True)
    return build(kind, **fields, max_increase=st.none() | percents) | build(kind, **fields, min_improvement=percents)


selectors = st.sampled_from(["outcomes_total", 'outcomes_total{correct="false"}', "a:b{c=~'d|e', f!=`g`,}"])
totals = st.sampled_from(["all_total", 'all_total{a="b"}'])
differences = st.floats(0, 1e9)
mean_fields = {"sum": selectors, "count": totals, "cohort_label": st.none() | st.just("version")}
means = (
    build(MeanGate, **mean_fields, better=st.sampled_from(Better), min_improvement=differences, tolerated=differences)
    | build(MeanGate, **mean_fields, better=st.sampled_from(Better), max_degradation=differences)
    | build(MeanGate, **mean_fields, max_ratio=ratios, max_degradation=st.none() | differences)
)
drift_fields = {"tolerated": st.sampled_from(["0%", "0.25%"]), "max_distance": st.sampled_from(["0.25%", "50%"])}
drifts = build(
    DriftGate,
    **drift_fields,
    counter=selectors,
    label=st.just("class"),
    values=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4, unique=True),
) | build(
    DriftGate,
    **drift_fields,
    histogram=st.just("score"),
    boundaries=st.lists(numbers, min_size=1, max_size=4, unique=True),
)
queries = build(
    QueryGate,
    expression=st.sampled_from(['up{pod=~"{{pods}}"}', 'max(up{namespace="{{namespace}}", pod=~"{{pods}}"})']),
    max=numbers,
    min=st.none() | numbers,
    max_increase=st.none() | numbers,
    max_ratio=st.none() | numbers,
    failure_limit=st.integers(1, 1000),
    pass_limit=st.integers(1, 1000),
)
gates = (
    build(
        Gate,
        name=labels,
        error_rate=_proportions(ErrorRateGate, codes=status_codes, max_ratio=ratios, endpoints=endpoints),
    )
    | build(
        Gate,
        name=labels,
        latency=_proportions(LatencyGate, threshold=positive_durations, endpoints=endpoints),
    )
    | build(Gate, name=labels, share=_proportions(ShareGate, total=totals, bad=selectors))
    | build(Gate, name=labels, share=_proportions(ShareGate, total=totals, good=selectors))
    | build(Gate, name=labels, mean=means)
    | build(Gate, name=labels, drift=drifts)
    | build(Gate, name=labels, query=queries)
    | build(Gate, name=labels, quality=_proportions(QualityGate, maturity=positive_durations))
    | build(Gate, name=labels, restarts=build(RestartsGate, max_ratio=ratios))
)
probabilities = st.from_regex(r"([1-9]|[1-4][0-9])(\.[0-9]{1,6})?%", fullmatch=True)


def _baselines(gates: list[Gate]) -> st.SearchStrategy[Baseline]:
    services = build(
        ServiceBaseline,
        bento=st.just("majority:v1"),
        image=st.just("majority:v1"),
        weight=st.integers(1, 50),
        replicas=st.integers(1, 1000),
    )
    others = st.just(Baseline(champion=ChampionBaseline())) | build(Baseline, service=services)
    counted = [gate.name for gate in gates if gate.proportion]
    if not counted:
        return others
    percents = st.sampled_from(["100%", "100.0%"])
    return others | build(Baseline, fixed=st.dictionaries(st.sampled_from(counted), percents, min_size=1))


_gates_that_decide = st.lists(gates, min_size=1, max_size=4, unique_by=lambda gate: gate.name).filter(
    lambda chosen: not all(gate.restarts for gate in chosen)
)
gates_with_baselines = _gates_that_decide.flatmap(
    lambda chosen: _baselines(chosen).map(lambda baseline: {"gates": chosen, "baseline": baseline})
)
spec_fields: dict[str, st.SearchStrategy[Any]] = {
    "suspend": st.booleans(),
    "model": models,
    "serving": servings,
    "traffic": traffics,
    "strategy": strategies,
    "lifecycle": build(Lifecycle, stale_after=st.none() | st.sampled_from(["1h30m", "0d24h", "30d"])),
    "risk": build(Risk, false_rollback=probabilities, false_promotion=probabilities),
}
specs = st.tuples(st.fixed_dictionaries(spec_fields), gates_with_baselines).map(
    lambda parts: ModelRolloutSpec(**parts[0], **parts[1])
)
