"""The command line against a real API server, on which the test plays the operator."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, CustomObjectsApi
from tests.cluster.scraped import Pod, Prometheus
from tests.unit.cli import worlds
from tests.unit.cli.documented import check
from tests.unit.rollout.world import World, spec

from modelrollout.api.rollout import VERSION
from modelrollout.cli.main import main
from modelrollout_contract.objects import GROUP
from modelrollout_localcluster import Cluster, tool_path

Manifest = dict[str, Any]
KIND = (GROUP, VERSION)
COMMANDS = ["promote", "abort", "approve", "retry"]


@dataclass
class Stage:
    """A namespace in which ModelRollouts are put into a state, and the command line that looks at it."""

    objects: CustomObjectsApi
    namespace: str
    kubeconfig: Path
    capsys: pytest.CaptureFixture[str]

    def put(self, world: World, name: str = "churn") -> None:
        """Create a ModelRollout as it is in a world, or bring it there."""
        if not any(item["metadata"]["name"] == name for item in self.list()):
            self.objects.create_namespaced_custom_object(
                *KIND, self.namespace, "modelrollouts", self.manifest("v0", name)
            )
        body = {"spec": world.spec.manifest()}
        patched = self.patch(name, body)
        seen = world.status.observed_generation and patched["metadata"]["generation"]
        status = world.status.model_copy(update={"observed_generation": seen})
        self.objects.replace_namespaced_custom_object_status(
            *KIND,
            self.namespace,
            "modelrollouts",
            name,
            {**patched, "status": status.manifest()},
            field_manager="tests",
        )

    def manifest(self, version: str, name: str) -> Manifest:
        return {
            "apiVersion": "/".join(KIND),
            "kind": "ModelRollout",
            "metadata": {"name": name, "labels": {"team": "churn"}, "annotations": {"note": "keep me"}},
            "spec": spec(f"churn:{version}").manifest(),
        }

    def list(self) -> list[Manifest]:
        listed = self.objects.list_namespaced_custom_object(*KIND, self.namespace, "modelrollouts")
        assert isinstance(listed, dict)
        return list(listed["items"])

    def get(self, name: str = "churn") -> Manifest:
        found = self.objects.get_namespaced_custom_object(*KIND, self.namespace, "modelrollouts", name)
        assert isinstance(found, dict)
        return found

    def patch(self, name: str, body: Manifest) -> Manifest:
        patched = self.objects.patch_namespaced_custom_object(
            *KIND,
            self.namespace,
            "modelrollouts",
            name,
            body,
            field_manager="tests",
            _content_type="application/merge-patch+json",
        )
        assert isinstance(patched, dict)
        return patched

    def annotation(self, command: str) -> str:
        """The value of a command, as soon as it is given."""
        deadline = time.monotonic() + 20
        while not (value := self.get()["metadata"]["annotations"].get(f"{GROUP}/{command}")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return str(value)

    def handle(self, command: str) -> None:
        """Do what the operator does with a command: here only its value is noted."""
        value = self.annotation(command)
        self.objects.patch_namespaced_custom_object_status(
            *KIND,
            self.namespace,
            "modelrollouts",
            "churn",
            {"status": {"handled": {command: value}}},
            field_manager="tests",
            _content_type="application/merge-patch+json",
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command."""
        code = main([*arguments, "-n", self.namespace, "--kubeconfig", str(self.kubeconfig)])
        said = self.capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def stage(kube_api: ApiClient, control_plane: Cluster, namespace: str, capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(CustomObjectsApi(kube_api), namespace, control_plane.kubeconfig, capsys)


def test_all_rollouts_of_a_namespace_are_shown(stage: Stage) -> None:
    stage.put(worlds.rolling_out())
    stage.put(worlds.serving(), "fraud")
    code, out, _ = stage.run("get")
    header, *rows = out.splitlines()
    assert code == 0
    assert header.split()[:4] == ["NAME", "READY", "PHASE", "CHAMPION"]
    assert [row.split()[:5] for row in rows] == [
        ["churn", "False", "Ramping", "churn:v1", "churn:v2"],
        ["fraud", "True", "Stable", "churn:v1", "-"],
    ]


def test_rollouts_of_other_namespaces_are_shown_on_request(stage: Stage) -> None:
    stage.put(worlds.serving())
    code, out, _ = stage.run("get", "-A")
    assert code == 0
    assert [stage.namespace, "churn"] in [line.split()[:2] for line in out.splitlines()]


def test_an_empty_namespace_is_no_error(stage: Stage) -> None:
    assert stage.run("get")[:2] == (0, f"No ModelRollouts in namespace {stage.namespace}\n")
    assert stage.run("get", "-o", "json")[:2] == (0, "[]\n")


def test_one_rollout_is_shown_with_its_gates(stage: Stage) -> None:
    world = worlds.rolling_out()
    stage.put(world)
    code, out, _ = stage.run("get", "churn")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[-2:]] == [["errors", "Undecided"], ["restarts", "Pass"]]
    code, out, _ = stage.run("get", "churn", "-o", "json")
    assert json.loads(out)["gates"][0]["message"] == world.status.gates[0].message


@pytest.mark.parametrize("command", ["get", "watch", "wait", *COMMANDS])
def test_what_is_not_there_is_named(command: str, stage: Stage) -> None:
    code, _, error = stage.run(command, "churn")
    assert code == 1
    assert f"there is no ModelRollout {stage.namespace}/churn" in error


@pytest.mark.parametrize(
    ("command", "world"),
    [
        ("promote", worlds.rolling_out()),
        ("abort", worlds.watched()),
        ("approve", worlds.waiting_for_approval()),
        ("retry", worlds.rolled_back()),
    ],
)
def test_a_command_changes_its_annotation_and_nothing_else(command: str, world: World, stage: Stage) -> None:
    stage.put(world)
    before = stage.get()
    assert stage.run(command, "churn")[0] == 0
    after = stage.get()

    annotations = after["metadata"]["annotations"]
    assert annotations.keys() == before["metadata"]["annotations"].keys() | {f"{GROUP}/{command}"}
    (fields,) = [
        entry["fieldsV1"] for entry in after["metadata"]["managedFields"] if entry["manager"] == "kubectl-modelrollout"
    ]
    assert fields == {"f:metadata": {"f:annotations": {f"f:{GROUP}/{command}": {}}}}

    for manifest in (before, after):
        manifest["metadata"]["managedFields"] = [
            entry for entry in manifest["metadata"]["managedFields"] if entry["manager"] != "kubectl-modelrollout"
        ]
        manifest["metadata"].pop("resourceVersion")
    after["metadata"]["annotations"].pop(f"{GROUP}/{command}")
    assert after == before


def test_a_command_given_again_has_another_value(stage: Stage) -> None:
    stage.put(worlds.rolling_out())
    values = []
    for _ in range(2):
        stage.run("promote", "churn")
        values.append(stage.get()["metadata"]["annotations"][f"{GROUP}/promote"])
    assert len(set(values)) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_refused_writes_nothing(command: str, stage: Stage) -> None:
    stage.put(worlds.serving())
    before = stage.get()
    code, _, error = stage.run(command, "churn")
    assert code == 1
    assert f"error: cannot {command} churn: " in error
    assert stage.get() == before


def test_a_command_waits_until_the_operator_has_carried_it_out(stage: Stage) -> None:
    world = worlds.rolling_out()
    stage.put(world)
    operator = threading.Thread(target=stage.handle, args=["promote"])
    operator.start()
    code, out, _ = stage.run("promote", "churn", "--wait", "--timeout", "30s")
    operator.join()
    assert code == 0
    assert world.status.last_decision
    assert out.splitlines()[-1] == f"churn: {world.status.last_decision.message}"


def test_a_command_that_is_not_carried_out_is_not_waited_for_for_ever(stage: Stage) -> None:
    stage.put(worlds.rolling_out())
    code, out, _ = stage.run("promote", "churn", "--wait", "--timeout", "1s")
    assert code == 3
    assert "has not carried it out within 1 s" in out


def test_a_command_that_comes_too_late_is_told(stage: Stage) -> None:
    stage.put(worlds.rolling_out())

    def roll_back_first() -> None:
        stage.annotation("promote")
        stage.put(worlds.rolled_back())

    operator = threading.Thread(target=roll_back_first)
    operator.start()
    code, _, error = stage.run("promote", "churn", "--wait", "--timeout", "30s")
    operator.join()
    assert code == 1
    assert "churn did not promote: no rollout is under way" in error


@pytest.mark.parametrize(
    ("world", "milestone", "code"),
    [
        (worlds.watched(), "promoted", 0),
        (worlds.watched(), "decided", 3),
        (worlds.decided(), "decided", 0),
        (worlds.rolled_back(), "promoted", 2),
        (worlds.rolled_back(), "decided", 2),
        (worlds.rolling_out(), "promoted", 3),
        (worlds.retried(), "promoted", 3),
        (World(), "promoted", 3),
    ],
    ids=[
        "watched",
        "watched, to the end",
        "decided",
        "rolled back",
        "rolled back, to the end",
        "ramping",
        "retried",
        "new",
    ],
)
def test_the_exit_code_of_wait_is_the_ending(world: World, milestone: str, code: int, stage: Stage) -> None:
    stage.put(world)
    assert stage.run("wait", "churn", "--for", milestone, "--timeout", "1s")[0] == code


def test_a_change_that_the_operator_has_not_seen_is_waited_for(stage: Stage) -> None:
    stage.put(worlds.decided())
    stage.patch("churn", {"spec": spec("churn:v3").manifest()})
    code, out, _ = stage.run("wait", "churn", "--timeout", "1s")
    assert code == 3
    assert "the operator has not looked at the latest change yet" in out


def test_wait_ends_when_the_rollout_does(stage: Stage) -> None:
    stage.put(worlds.rolling_out())
    operator = threading.Timer(1.0, stage.put, [worlds.rolled_back()])
    operator.start()
    code, out, _ = stage.run("wait", "churn", "--timeout", "60s")
    operator.join()
    assert code == 2
    assert out.startswith("churn rolled back: RolledBack")


def test_watch_tells_every_change_until_the_rollout_is_decided(stage: Stage) -> None:
    stage.put(worlds.rolling_out())
    operators = [
        threading.Timer(3.0, stage.put, [worlds.watched()]),
        threading.Timer(7.0, stage.put, [worlds.decided()]),
    ]
    for operator in operators:
        operator.start()
    code, out, _ = stage.run("watch", "churn", "--timeout", "60s")
    for operator in operators:
        operator.join()
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == ["Ramping", "Watching", "Stable"]


def test_kubectl_finds_its_plugin(stage: Stage) -> None:
    stage.put(worlds.serving())
    arguments = ["modelrollout", "get", "churn", "-n", stage.namespace, "-o", "json"]
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent), "KUBECONFIG": str(stage.kubeconfig)}
    found = subprocess.run(
        [tool_path("kubectl"), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout)["champion"]["bento"] == "churn:v1"


class Documented:
    """The cluster of docs/cli.md: every command finds what the page tells of."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._operator: list[threading.Timer] = []

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Exit code and output of a command, with the page's namespace, user and times."""
        match arguments:
            case ["get", *_]:
                self._stage.put(worlds.rolling_out())
                self._stage.put(worlds.serving(spec=spec("fraud:v7")), "fraud")
            case ["watch", *_]:
                self._stage.put(worlds.rolling_out())
                self._do_later(3, lambda: self._stage.put(worlds.watched()))
                self._do_later(7, lambda: self._stage.put(worlds.decided()))
            case ["abort", *_]:
                self._stage.put(worlds.rolling_out())
                self._do_later(0, self._abort)
            case ["wait", *_]:
                self._stage.put(worlds.watched())
        code, out, error = self._stage.run(*arguments)
        for timer in self._operator:
            timer.join()
        printed = (out + error).replace(self._stage.namespace, "ml")
        printed = re.sub(r"\(\d{4}-\S+ \w+\)", "(2026-11-24T15:00:00.000000+00:00 ada)", printed)
        return code, re.sub(r"(?m)^\d\d:\d\d:\d\d", "15:00:00", printed)

    def _do_later(self, seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.start()
        self._operator.append(timer)

    def _abort(self) -> None:
        world = worlds.rolling_out()
        world.commands = {"abort": self._stage.annotation("abort")}
        self._stage.put(world.run(10))


def test_the_page_shows_what_the_commands_print(stage: Stage) -> None:
    check(Path(__file__).parents[2] / "docs" / "cli.md", Documented(stage).run, live=True)


def test_the_past_is_judged_from_a_real_prometheus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "churn.yaml"
    manifest.write_text(
        yaml.safe_dump(
            {"apiVersion": "/".join(KIND), "kind": "ModelRollout", "metadata": {"name": "churn", "namespace": "ml"}}
            | {"spec": spec("churn:v2").manifest()}
        )
    )
    with ExitStack() as stack:
        champion, challenger = Pod("churn-a-1"), Pod("churn-b-1")
        stack.callback(challenger.stop)
        stack.callback(champion.stop)
        prometheus = stack.enter_context(Prometheus(tmp_path, [champion, challenger]))
        for _ in range(80):
            champion.answer(20)
            challenger.answer(10)
            challenger.answer(10, code=500)
            time.sleep(0.1)
        time.sleep(2)
        code = main(
            shlex.split(
                f"replay --prometheus {prometheus.url} --manifest {manifest} --scrape-interval 1s --from 10s"
                " --champion-pods churn-a-[0-9]+ --challenger-pods churn-b-[0-9]+"
            )
        )
        said = capsys.readouterr()
    assert (code, said.err) == (2, "")
    assert "rolled back, because errors failed" in said.out
