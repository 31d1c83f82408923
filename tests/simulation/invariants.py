"""What holds whatever happens: each invariant of docs/architecture.md as a function that names its violation."""

from collections.abc import Callable
from math import floor

from tests.simulation.prometheus import TICK
from tests.simulation.world import Look, Simulation

from modelrollout.rollout.placement import pods_needed

Invariant = Callable[[Simulation, Look], str]
"""Takes the world after a look and the look; returns what is wrong, for a person, or nothing."""


def traffic_goes_to_ready_pods(world: Simulation, look: Look) -> str:
    """While any version has ready pods, a look that succeeds leaves no weight on a version without.

    Who suspends a rollout wants pods and traffic left as they are.
    """
    suspended = world.rollout is None or world.rollout["spec"].get("suspend")
    if look.failure or suspended or not any(look.ready.values()) or "HTTPRoute" in world.server.refusals:
        return ""
    stranded = {
        version: weight for version, weight in world.weights().items() if weight and not look.ready.get(version)
    }
    return f"weights {world.weights()} with ready pods {look.ready}" if stranded else ""


def what_gets_traffic_has_its_pods(world: Simulation, look: Look) -> str:
    """No Deployment is removed while a gateway sends traffic to its version."""
    routed = {version for version, weight in world.gateway.routed.items() if weight}
    removed = (routed & look.deployed) - world.deployments().keys()
    return f"the gateway sends traffic to {removed}, whose Deployments were removed" if removed else ""


def pods_are_asked_for_what_is_really_given(world: Simulation, look: Look) -> str:
    """A version has the pods for the weight that it was given, not only for its target."""
    if look.failure or not world.rollout or "Deployment" in world.server.refusals:
        return ""
    replicas = world.rollout["spec"]["serving"]["replicas"]
    for version, weight in world.weights().items():
        deployment = world.deployments().get(version)
        if weight and deployment and deployment["spec"]["replicas"] < pods_needed(replicas, weight):
            return f"{version} has weight {weight} and {deployment['spec']['replicas']} of {replicas} pods"
    return ""


def traffic_is_taken_away_at_once(world: Simulation, look: Look) -> str:
    """Whatever else fails, a version that the status has let go of has no weight while another can serve."""
    if look.failure in ("killed", "Unavailable", "Conflict") or "HTTPRoute" in world.server.refusals:
        return ""
    present = {v.hash for v in (look.after.champion, look.after.challenger, look.after.previous) if v}
    if look.after.baseline:
        present.add(look.after.baseline.hash)
    able = any(look.ready.get(version) for version in present)
    kept = {version: weight for version, weight in world.weights().items() if weight and version not in present}
    return f"{kept} was let go of and keeps its weight" if kept and able else ""


def no_step_without_a_request(world: Simulation, look: Look) -> str:
    """The target weight of a challenger rises only after it has answered requests at the last one."""
    before, after = look.before.rollout, look.after.rollout
    same = look.before.challenger and look.before.challenger == look.after.challenger
    if not (before and after and same and before.ramping_since) or after.target_weight <= before.target_weight:
        return ""
    if look.after.last_decision and look.after.last_decision.reason == "PromotionForced":
        return ""
    assert look.before.challenger
    since = floor(before.step_since.timestamp() / TICK) - 1
    if world.prometheus.requests(look.before.challenger.hash, since):
        return ""
    return f"went from weight {before.target_weight} to {after.target_weight} without a request"


def every_step_is_taken_once(world: Simulation, look: Look) -> str:
    """Steps follow each other one by one, within one attempt."""
    before, after = look.before.rollout, look.after.rollout
    if not (before and after) or look.before.challenger != look.after.challenger:
        return ""
    return (
        f"step {before.step} was followed by {after.step}" if after.step not in (before.step, before.step + 1) else ""
    )


def evidence_is_counted_once(world: Simulation, look: Look) -> str:
    """No gate has judged more requests than the challenger has answered."""
    judged = look.after.challenger or (look.after.champion if look.after.previous else None)
    if judged is None:
        return ""
    answered = world.prometheus.requests(judged.hash, -1)
    for gate in look.after.gates:
        if gate.requests is not None and gate.requests > answered:
            return f"gate {gate.name} counted {gate.requests} of {answered} requests"
    return ""


def pods_that_serve_are_not_touched_by_an_edit(world: Simulation, look: Look) -> str:
    """The template of a version's pods stays as it was made while any of them is ready."""
    for version, deployment in world.deployments().items():
        made, now = look.templates.get(version), deployment["spec"]["template"]
        if made is not None and made != now and look.ready.get(version):
            return f"the pods of {version} were {made} and are to be {now}"
    return ""


def it_says_why(world: Simulation, look: Look) -> str:
    """A status is never without a Ready condition that has a reason and a message."""
    if look.failure or not world.rollout:
        return ""
    ready = next((c for c in look.after.conditions if c.type == "Ready"), None)
    return "" if ready and ready.reason and ready.message else "no Ready condition says where it stands"


def an_exception_becomes_a_condition(world: Simulation, look: Look) -> str:
    """Nothing but a refusal of the API server ends a look."""
    return look.failure if look.failure.startswith("raised") else ""


INVARIANTS: tuple[Invariant, ...] = (
    traffic_goes_to_ready_pods,
    what_gets_traffic_has_its_pods,
    pods_are_asked_for_what_is_really_given,
    traffic_is_taken_away_at_once,
    no_step_without_a_request,
    every_step_is_taken_once,
    evidence_is_counted_once,
    pods_that_serve_are_not_touched_by_an_edit,
    it_says_why,
    an_exception_becomes_a_condition,
)


def check(world: Simulation, look: Look) -> None:
    """Raise AssertionError with every invariant that the look has broken."""
    broken = [f"{invariant.__name__}: {wrong}" for invariant in INVARIANTS if (wrong := invariant(world, look))]
    assert not broken, "; ".join(broken)


def check_at_rest(world: Simulation) -> None:
    """Raise AssertionError unless a world without faults has come to an end: one version serves all, none is left over.

    The champion is what the spec names, or the spec's version is in quarantine and the status says so.
    """
    status = world.status()
    if world.rollout is None:
        return
    assert status.champion, "nothing serves"
    assert world.weights() == {status.champion.hash: 100}, f"{world.weights()} at rest: {status.verdict}"
    under_way = status.challenger or status.previous or status.retiring
    assert not under_way, f"not at rest: {status.verdict}"
    assert set(world.deployments()) == {status.champion.hash}, f"left over: {set(world.deployments())}"
    wanted = world.rollout["spec"]["model"]["bento"]
    quarantined = {entry.bento for entry in status.quarantine if not entry.released}
    assert status.champion == status.wanted or wanted in quarantined, (
        f"{wanted} is wanted, {status.champion.bento} serves"
    )
    writes = len(world.server.writes)
    world.look()
    assert len(world.server.writes) == writes, f"writes in a steady state: {world.server.writes[writes:]}"
