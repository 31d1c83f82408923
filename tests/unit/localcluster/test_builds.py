"""Pins and cache keys of what is built, and what is said when something is missing."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from modelrollout_localcluster import LocalClusterError, tools
from modelrollout_localcluster.builds import ADDONS, EVERYTHING, Component, Program


@pytest.mark.parametrize("program", EVERYTHING, ids=lambda program: program.name)
def test_every_program_is_pinned_to_a_version(program: Program) -> None:
    assert program.version.startswith("v")


@pytest.mark.parametrize("component", {program.component for program in EVERYTHING}, ids=lambda found: found.name)
def test_every_tool_of_a_component_is_a_program_and_no_others_but_its_own_sources(component: Component) -> None:
    declared = set(re.findall(r"^\t(\S+)$", (component.folder / "go.mod").read_text(), re.MULTILINE))
    own = {f"./{source.parent.name}" for source in component.folder.rglob("*.go")}
    assert {program.package for program in EVERYTHING if program.component == component} == declared | own


@pytest.mark.parametrize("source", ["go.mod", "go.sum", "coredns/main.go"])
def test_a_changed_pin_or_source_is_built_anew(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ADDONS.folder, tmp_path / "addons")
    original = ADDONS.output
    monkeypatch.setattr("modelrollout_localcluster.builds.COMPONENTS", tmp_path)
    changed = tmp_path / "addons" / source
    assert replace(ADDONS).output == original
    changed.write_text(changed.read_text() + "\n// changed\n")
    assert replace(ADDONS).output != original


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("github.com/tsenart/vegeta/v12", "vegeta"),
        ("./coredns", "coredns"),
    ],
)
def test_a_program_is_called_as_go_calls_it(package: str, name: str) -> None:
    assert {program.name for program in EVERYTHING if program.package == package} == {name}


@pytest.mark.parametrize(("program", "package"), [("runc", "runc"), ("busybox", "busybox-static"), ("nft", "nftables")])
def test_a_missing_program_is_named_with_its_package(
    program: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == program else f"/usr/bin/{name}")
    with pytest.raises(LocalClusterError, match=f"apt-get install {package}"):
        tools.program_path(program)
    assert package in tools.missing_packages()


def test_a_node_without_root_is_refused_with_the_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalClusterError, match="--control-plane-only"):
        tools.require_node_tools()
