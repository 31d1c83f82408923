"""What holds whatever happens: each invariant of docs/architecture.md as a function that names its violation."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from math import floor

from tests.simulation.prometheus import TICK
from tests.simulation.world import Look, Simulation

from modelrollout.rollout.placement import pods_needed

# In seconds, of all that `disturbances` asks for.
SHORTEST_DEADLINE = 55
SHORTEST_DRAIN = timedelta(seconds=15)
# A longer time between two looks is one in which nobody decided.
AWAY_SECONDS = 120

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


def pods_stay_for_the_drain_time(world: Simulation, look: Look) -> str:
    """No Deployment is removed within the shortest drain time after the gateway sent traffic to its version."""
    removed = look.deployed - world.deployments().keys()
    recent = (earlier for earlier in reversed(world.looks) if look.at - earlier.at < SHORTEST_DRAIN)
    routed = {version for earlier in recent for version, weight in earlier.routed.items() if weight}
    return f"{removed & routed} had traffic a moment ago and was removed" if removed & routed else ""


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
    if _forced(look):
        return ""
    assert look.before.challenger
    since = floor(before.step_since.timestamp() / TICK) - 1
    if world.prometheus.requests(look.before.challenger.hash, since):
        return ""
    return f"went from weight {before.target_weight} to {after.target_weight} without a request"


def no_step_before_the_gateway_follows(world: Simulation, look: Look) -> str:
    """The target weight rises only where clients meet the last one."""
    before, after, challenger = look.before.rollout, look.after.rollout, look.before.challenger
    if not (before and after and challenger) or challenger != look.after.challenger or not before.ramping_since:
        return ""
    met = look.routed.get(challenger.hash, 0)
    if after.target_weight <= before.target_weight or met == before.target_weight or _forced(look):
        return ""
    return f"went from weight {before.target_weight} to {after.target_weight} while clients met {met}"


def a_deadline_is_of_time_that_somebody_looked(world: Simulation, look: Look) -> str:
    """Nothing is rolled back for a deadline unless the operator was there for at least the shortest one."""
    before, decision = look.before.rollout, _decided(look)
    if before is None or decision not in ("DeadlineExceeded", "ChallengerNotReady", "MetricsDeadlineExceeded"):
        return ""
    looked = [one.at for one in world.looks if one.at >= before.started_at and not one.before.suspended_since]
    attended = sum(min((later - at).total_seconds(), AWAY_SECONDS) for at, later in pairwise(looked))
    return f"{decision} after {attended:.0f} s of looking" if attended < SHORTEST_DEADLINE else ""


def no_watch_is_passed_unseen(world: Simulation, look: Look) -> str:
    """The old champion is let go only after the new one was seen to answer, or somebody approved."""
    watch, approved = look.before.watch, look.before.handled != look.after.handled
    if watch is None or _decided(look) != "WatchPassed" or approved or watch.until <= watch.since:
        return ""
    champion, previous = look.before.champion, look.before.previous
    if champion is None or previous is None or not look.ready.get(previous.hash):
        return ""
    since = floor(watch.since.timestamp() / TICK) - 1
    return "" if world.prometheus.requests(champion.hash, since) else "a watch without a request was passed"


def what_was_rolled_back_stays_away(world: Simulation, look: Look) -> str:
    """Nothing in quarantine becomes the challenger, as long as nobody asks for a retry."""
    challenger = look.after.challenger
    if challenger is None or challenger == look.before.challenger:
        return ""
    kept = {entry.hash for entry in look.after.quarantine if not entry.released}
    return f"{challenger.bento} is in quarantine and rolled out again" if challenger.hash in kept else ""


def what_served_goes_on_serving(world: Simulation, look: Look) -> str:
    """A ModelRollout that is made again trusts the version that was trusted last, if it is still there."""
    earlier = next((one.after for one in reversed(world.looks[:-1]) if one.after.champion), None)
    if look.before.champion or not look.after.champion or earlier is None or earlier.serving_since is None:
        return ""
    trusted = earlier.previous or earlier.champion
    if trusted is None or trusted.hash not in look.deployed or trusted.hash == look.after.champion.hash:
        return ""
    return f"{look.after.champion.bento} became the champion in place of {trusted.bento}"


def a_command_is_about_what_it_was_given_for(world: Simulation, look: Look) -> str:
    """A command decides a rollout only if it was given after that began."""
    before, decision = look.before.rollout, _decided(look)
    command = {"Aborted": "abort", "PromotionForced": "promote"}.get(decision)
    if before is None or command is None or world.rollout is None:
        return ""
    given = world.rollout["metadata"].get("annotations", {}).get(f"modelrollout.io/{command}", "")
    return f"{decision} by a command of {given}" if given < before.started_at.isoformat() else ""


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
    pods_stay_for_the_drain_time,
    pods_are_asked_for_what_is_really_given,
    traffic_is_taken_away_at_once,
    no_step_without_a_request,
    no_step_before_the_gateway_follows,
    a_deadline_is_of_time_that_somebody_looked,
    no_watch_is_passed_unseen,
    what_was_rolled_back_stays_away,
    what_served_goes_on_serving,
    a_command_is_about_what_it_was_given_for,
    every_step_is_taken_once,
    evidence_is_counted_once,
    pods_that_serve_are_not_touched_by_an_edit,
    it_says_why,
    an_exception_becomes_a_condition,
)


def _decided(look: Look) -> str:
    """The reason of what was decided at this look; empty if nothing was."""
    decision = look.after.last_decision
    return decision.reason if decision and decision != look.before.last_decision else ""


def _forced(look: Look) -> bool:
    return bool(look.after.last_decision and look.after.last_decision.reason == "PromotionForced")


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
