"""Pins and cache keys of what is built, and what is said when something is missing."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from modelrollout_localcluster import LocalClusterError, tools
from modelrollout_localcluster.builds import ETCD, EVERYTHING, Component


@pytest.mark.parametrize("component", EVERYTHING, ids=lambda component: component.name)
def test_every_program_has_a_pinned_main_package(component: Component) -> None:
    assert component.version.startswith("v")
    assert set(component.programs) == set(component.packages)


def test_a_changed_pin_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ETCD.folder, tmp_path / "etcd")
    original = ETCD.output
    monkeypatch.setattr("modelrollout_localcluster.builds.COMPONENTS", tmp_path)
    go_mod = tmp_path / "etcd" / "go.mod"
    assert replace(ETCD).output == original
    go_mod.write_text(go_mod.read_text() + "\n// changed\n")
    assert replace(ETCD).output != original


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
