"""Mends, each with the line that makes it: with the line taken out, the simulation must find the fault again."""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType


@dataclass(frozen=True, slots=True)
class Mutation:
    """mend: what holds, in a sentence. module: without the leading `modelrollout.`. line: as it stands there, once."""

    mend: str
    module: str
    line: str
    instead: str


MUTATIONS = (
    Mutation(
        "the version that works serves, whatever the rollout had in mind",
        "rollout.placement",
        "next((version for version in candidates if _ready(observed, version)), main)",
        "main",
    ),
    Mutation(
        "a version that is being let go serves while nothing else can",
        "rollout.placement",
        "    candidates += [retiring.hash for retiring in reversed(status.retiring)]\n",
        "",
    ),
    Mutation(
        "pods stay until the gateway has accepted weight 0",
        "rollout.versions",
        "route.settled and route.exposure(retiring.hash) == 0",
        "True",
    ),
    Mutation(
        "a version has the pods for the traffic that it really gets",
        "rollout.placement",
        "pods_needed(replicas, given) if given else 0",
        "0",
    ),
    Mutation(
        "no version gets more traffic than its ready pods can carry",
        "rollout.placement",
        "min(intended, weight_affordable(replicas, _ready(observed, other)))",
        "intended",
    ),
    Mutation(
        "nor does a baseline",
        "rollout.placement",
        "baseline.weight * _ready(observed, baseline.hash) // baseline.replicas",
        "baseline.weight",
    ),
    Mutation(
        "pods stay for the drain time after their traffic is gone",
        "rollout.versions",
        "draft.now - r.drained_since >= drain}",
        "True}",
    ),
    Mutation(
        "a route that is to move traffic is asked for again at the next look after it was refused",
        "kube.apply",
        "URGENT_SECONDS if urgent else REFUSAL_SECONDS",
        "REFUSAL_SECONDS",
    ),
    Mutation(
        "a step that saw no request is not over",
        "rollout.holds",
        "if assessment is None or progress.step_requests > 0:",
        "if True:",
    ),
    Mutation(
        "no step is taken before the gateway has taken over the last one",
        "rollout.holds",
        "if route.settled and (rollout.stage is not Stage.RAMPING or written == weight):",
        "if True:",
    ),
    Mutation(
        "time for which nobody decided counts towards no deadline",
        "rollout.clock",
        "return away if away > max(_AWAY,",
        "return timedelta() if away > max(_AWAY,",
    ),
    Mutation(
        "a watch in which nothing was measured is not passed",
        "rollout.stages.watching",
        "if lasts and replaceable and not watch.watch.requests and not situation.approved:",
        "if False:",
    ),
    Mutation(
        "what was rolled back is not tried again by itself",
        "rollout.follow",
        "    if quarantined(draft.status, wanted):\n        return\n",
        "",
    ),
    Mutation(
        "of a ModelRollout that is made again the version that served goes on serving",
        "rollout.adoption",
        "for role in _TRUST:",
        "for role in ():",
    ),
    Mutation(
        "a command that was given before a rollout began decides nothing in it",
        "rollout.transitions",
        '    draft.settle(Command.ABORT, Command.PROMOTE, Command.APPROVE)\n    draft.record("Start"',
        '    draft.record("Start"',
    ),
    Mutation(
        "no window is counted twice",
        "rollout.comparing",
        '"window": assessment.through,',
        '"window": evidence.window,',
    ),
)


@contextmanager
def taken_out(mutation: Mutation) -> Iterator[None]:
    """The operator without that mend. Raises ValueError if the line is not there once, as after a rewrite."""
    module = importlib.import_module(f"modelrollout.{mutation.module}")
    source = inspect.getsource(module)
    if source.count(mutation.line) != 1:
        raise ValueError(f"{mutation.module} does not have the line of {mutation.mend!r} once")
    mutant = ModuleType(module.__name__)
    mutant.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    exec(compile(source.replace(mutation.line, mutation.instead), str(module.__file__), "exec"), mutant.__dict__)
    kept = {function: function.__code__ for function in _functions(module)}
    for name, function in _named(module):
        other = dict(_named(mutant)).get(name)
        if other is not None:
            # Those who imported the function by name hold the object: what it does is changed, not what it is.
            function.__code__ = other.__code__
    try:
        yield
    finally:
        for function, code in kept.items():
            function.__code__ = code


def _functions(module: ModuleType) -> list[FunctionType]:
    return [function for _, function in _named(module)]


def _named(module: ModuleType) -> list[tuple[str, FunctionType]]:
    """Functions and methods that a module defines, by qualified name."""
    found = []
    for item in vars(module).values():
        members = vars(item).values() if inspect.isclass(item) and item.__module__ == module.__name__ else (item,)
        for member in members:
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                found.append((function.__qualname__, function))
    return found
