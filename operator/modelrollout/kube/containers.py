"""What the containers of a version went through, as far as those may read it who may read a ModelRollout.

A container can print what only it may read, a Secret it mounts or the token of its service account, and the words of
the kubelet quote arguments, paths and the output of hooks, in which `$(NAME)` has become the value of a Secret. Whoever
may edit a ModelRollout could have them shown in its status. So they are told only if the installation says so;
what never quotes a container is always told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelrollout.api.text import plain
from modelrollout.ports import Manifest

MAX_TEXT = 500  # characters

# Reasons for which a container waits that are part of a normal start.
STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})

CRASH_LOOP = "CrashLoopBackOff"

_PULL_FAILED = "ErrImagePull"
_PULL_WAITS = "ImagePullBackOff"

# Their messages are about the image only, which the ModelRollout names.
_ABOUT_THE_IMAGE = frozenset({"ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"})
# Names of objects and of their keys, never values.
_MISSING_OBJECT = re.compile(
    r"""(secrets?|configmaps?) "[^"]+" not found"""
    r"|couldn't find key \S+ in (Secret|ConfigMap) \S+"
    r"|container has runAsNonRoot and image .*",
    re.IGNORECASE,
)


def container_problem(container: Mapping[str, Any], *, logs: bool) -> str:
    """What keeps a container from running, empty if nothing does. logs: whether its own words may be told."""
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason = waiting.get("reason", "")
    # A crash is told the same way whether the container is just down, waits for its next start or runs again.
    crash = state.get("terminated") or _last_crash(container)
    if crash.get("exitCode", 0) != 0 and reason in STARTING | {CRASH_LOOP}:
        kind = CRASH_LOOP if container.get("restartCount", 0) else "ContainerExited"
        return text(kind, _exit(container, crash, logs=logs))
    if reason in (_PULL_FAILED, _PULL_WAITS):
        # The two take turns, the second with the first's message in its own.
        return text(_PULL_WAITS, waiting.get("message", "").rpartition(f": {_PULL_FAILED}: ")[2])
    return "" if reason in STARTING else text(reason, _told(reason, waiting.get("message", ""), logs=logs))


def restarts(pods: Iterable[Manifest]) -> int:
    """How often containers of these pods were started again, those of ready pods too."""
    return sum(container.get("restartCount", 0) for pod in pods for container in _containers(pod))


def last_exit(pods: Iterable[Manifest], *, logs: bool) -> str:
    """How the last of the containers that were started again had ended; empty if none was."""
    ended = [(crash, container) for pod in pods for container in _containers(pod) if (crash := _last_crash(container))]
    if not ended:
        return ""
    crash, container = max(ended, key=lambda each: str(each[0].get("finishedAt", "")))
    return _exit(container, crash, logs=logs)


def text(*parts: str | None) -> str:
    """Reasons and messages as one line."""
    return plain(": ".join(part.strip() for part in parts if part), MAX_TEXT)


def _containers(pod: Manifest) -> Iterator[Mapping[str, Any]]:
    yield from pod.get("status", {}).get("containerStatuses") or ()


def _last_crash(container: Mapping[str, Any]) -> Mapping[str, Any]:
    crash: Mapping[str, Any] = container.get("lastState", {}).get("terminated") or {}
    return crash


def _exit(container: Mapping[str, Any], terminated: Mapping[str, Any], *, logs: bool) -> str:
    cause = terminated.get("reason", "Error")
    exited = f"container {container['name']} exited with code {terminated.get('exitCode', 0)}"
    # The message is the end of the log, and the last line is where programs say what went wrong.
    last_line = terminated.get("message", "").strip().rpartition("\n")[2] if logs else ""
    return text(exited if cause == "Error" else f"{exited} ({cause})", last_line)


def _told(reason: str, message: str, *, logs: bool) -> str:
    may_be_told = logs or reason in _ABOUT_THE_IMAGE or _MISSING_OBJECT.fullmatch(message.strip())
    return message if may_be_told else ""
