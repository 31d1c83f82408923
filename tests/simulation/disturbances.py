"""What people, machines and chance do to a rollout, each a row: a sentence and its effect on the simulated world."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulation.api_server import REFUSALS, Refusal
from tests.simulation.prometheus import REQUESTS_PER_SECOND, Weather
from tests.simulation.world import STRATEGY, Simulation, model

Disturbance = Callable[[Simulation], None]

BENTOS = [f"churn:v{number}" for number in range(1, 5)]
WRITTEN = ["ControllerRevision", "Deployment", "Service", "HTTPRoute", "ModelRollout"]
BAD = 0.6
GOOD = 0.005

EDITS: dict[str, dict[str, Any]] = {
    "half the replicas": {"serving": {"replicas": 2, "drain": "15s", "progressDeadline": "2m"}},
    "another threshold": {
        "serving": {"replicas": 4, "drain": "15s", "progressDeadline": "2m", "env": [{"name": "T", "value": "0.9"}]}
    },
    "the first serving": {"serving": {"replicas": 4, "drain": "15s", "progressDeadline": "2m"}},
    "a longer drain": {"serving": {"replicas": 4, "drain": "60s", "progressDeadline": "2m"}},
    "a single step": {"strategy": {**STRATEGY, "steps": [{"weight": 20, "hold": "10s"}]}},
    "a step to approve": {"strategy": {**STRATEGY, "steps": [{"weight": 10, "approval": True}, {"weight": 50}]}},
    "a ramp": {"strategy": {"ramp": {"maxWeight": 50}, "holdBack": {"percent": 5, "for": "60s"}}},
    "a shadow phase": {"strategy": {**STRATEGY, "shadow": {"for": "20s", "percent": 50}}},
    "a shadow phase that waits": {"strategy": {**STRATEGY, "shadow": {"for": "10s", "gates": ["errors"]}}},
    "no watch": {"strategy": {**STRATEGY, "holdBack": {"percent": 0, "for": "0s"}}},
    "a short deadline": {"strategy": {**STRATEGY, "deadline": {"after": "1m", "action": "Rollback"}}},
    "a deadline that asks": {"strategy": {**STRATEGY, "deadline": {"after": "1m", "action": "Ask"}}},
    "wider gates": {"gates": [{"name": "errors", "errorRate": {"maxIncrease": "10%"}}]},
    "a listener in place of its gateway": {
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models", "sectionName": "https"}]}}
    },
    "the first traffic and strategy": {
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
        "strategy": STRATEGY,
    },
    "a baseline": {"baseline": {"service": {**model("majority:m1"), "weight": 10, "replicas": 1}}},
    "no baseline": {"baseline": {"champion": {}}},
    "a strategy that cannot be used": {"strategy": {**STRATEGY, "steps": [{"weight": 150}]}},
    "pods that cannot be built": {
        "serving": {"replicas": 4, "podTemplate": {"spec": {"containers": [{"name": {"a": 1}}]}}}
    },
}


def _edit(changes: dict[str, Any], world: Simulation) -> None:
    world.edit_spec(**changes)


def _command(command: str, world: Simulation) -> None:
    world.annotate(command)


def _pods_go(bento: str, world: Simulation) -> None:
    world.nodes.down.add(bento)


def _pods_crash(bento: str, world: Simulation) -> None:
    world.nodes.down.add(bento)
    world.nodes.restarts[bento] = world.nodes.restarts.get(bento, 0) + 1


def _pods_come_back(bento: str, world: Simulation) -> None:
    world.nodes.down.discard(bento)


def _fails(bento: str, rate: float, world: Simulation) -> None:
    world.set_error_rate(bento, rate)


def _metrics(weather: Weather, world: Simulation) -> None:
    world.prometheus.weather = weather


def _traffic(rate: int, world: Simulation) -> None:
    world.prometheus.requests_per_second = rate


def _gateway(hung: bool, refuses: bool, world: Simulation) -> None:
    world.gateway.hung, world.gateway.refuses = hung, refuses


def _refuse(kind: str, why: str, world: Simulation) -> None:
    world.server.refusals[kind] = Refusal(kind, REFUSALS[why])


def _take_back(kind: str, world: Simulation) -> None:
    world.server.refusals.pop(kind, None)


def _unreachable(away: bool, world: Simulation) -> None:
    world.server.unreachable = away


def _kill(write: int, after_effect: bool, world: Simulation) -> None:
    world.server.kill_at_write, world.server.kill_after_effect = write, after_effect


def _away(minutes: int, world: Simulation) -> None:
    """Nobody looks for a while, and a new process begins."""
    for _ in range(5):
        world.tick()
    world.leap(minutes)
    world.restart()


PEOPLE: dict[str, Disturbance] = {
    **{f"somebody applies {bento}": partial(_edit, {"model": model(bento)}) for bento in BENTOS},
    **{f"somebody wants {name}": partial(_edit, changes) for name, changes in EDITS.items()},
    **{
        f"somebody asks to {command}": partial(_command, command)
        for command in ("abort", "promote", "approve", "retry")
    },
    "somebody suspends": partial(_edit, {"suspend": True}),
    "somebody resumes": partial(_edit, {"suspend": False}),
    "somebody replaces it by force": Simulation.make_again,
}

MACHINES: dict[str, Disturbance] = {
    **{f"all pods of {bento} go": partial(_pods_go, bento) for bento in BENTOS[:3]},
    **{f"{bento} crashes": partial(_pods_crash, bento) for bento in BENTOS[:3]},
    **{f"the pods of {bento} come back": partial(_pods_come_back, bento) for bento in BENTOS[:3]},
    **{f"{bento} answers badly": partial(_fails, bento, BAD) for bento in BENTOS[:3]},
    **{f"{bento} answers well": partial(_fails, bento, GOOD) for bento in BENTOS[:2]},
    **{f"the metrics are {weather}": partial(_metrics, weather) for weather in Weather},
    "nobody calls": partial(_traffic, 0),
    "people call again": partial(_traffic, REQUESTS_PER_SECOND),
    "the gateway hangs": partial(_gateway, True, False),
    "the gateway refuses": partial(_gateway, False, True),
    "the gateway works": partial(_gateway, False, False),
    **{f"{why} refuses every {kind}": partial(_refuse, kind, why) for kind in WRITTEN for why in REFUSALS},
    **{f"no {kind} is refused": partial(_take_back, kind) for kind in WRITTEN},
    "the API server goes": partial(_unreachable, True),
    "the API server is back": partial(_unreachable, False),
    **{f"the operator dies before write {write}": partial(_kill, write, False) for write in range(8)},
    **{f"the operator dies after write {write}": partial(_kill, write, True) for write in range(8)},
    "the operator is away for minutes": partial(_away, 3),
    "the operator is away for hours": partial(_away, 180),
    "garbage is collected": Simulation.collect_garbage,
}
