"""The chart against a real API server: what it renders is accepted, and a release lives through its whole life."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from modelrollout_localcluster import Cluster, LocalClusterError, kubectl

Helm = Callable[..., str]

CRD = "crd/modelrollouts.modelrollout.io"
COLUMNS = "--output=jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}"
ROLLOUT = Path(__file__).parent / "manifests" / "smallest.yaml"
SELECTOR = "--selector=app.kubernetes.io/instance=modelrollout,app.kubernetes.io/component=operator"


@pytest.mark.parametrize("values", ["default", "namespaced", "everything", "monitors"])
def test_helm_finds_nothing_to_complain_about(helm: Helm, chart: Path, values: str) -> None:
    helm("lint", "--strict", chart, f"--values={chart}/ci/{values}-values.yaml")


@pytest.mark.parametrize("values", ["default", "namespaced", "everything"])
def test_the_api_server_takes_every_manifest_without_a_warning_where_pods_are_restricted(
    helm: Helm, chart: Path, control_plane: Cluster, namespace: str, values: str
) -> None:
    restrict(control_plane.kubeconfig, namespace)
    watched = ["--set", f"watchNamespaces={{{namespace}}}"] if values == "namespaced" else []
    values_file = f"--values={chart}/ci/{values}-values.yaml"
    manifests = helm("template", "operator", chart, f"--namespace={namespace}", values_file, *watched)

    # The fixture has applied the CRD already: hence the force.
    dry_run = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors")
    kubectl.run(control_plane.kubeconfig, *dry_run, "--filename=-", stdin=manifests)


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    """A control plane of our own: whether a CRD comes and goes is what the tests of releases are about."""
    cluster = Cluster(f"chart-{os.getpid()}")
    try:
        cluster.up(control_plane_only=True)
        yield cluster.kubeconfig
    finally:
        cluster.down()


@dataclass(frozen=True)
class Release:
    """Release `modelrollout` of the chart, in a namespace that enforces the restricted Pod Security level."""

    helm: Helm
    chart: Path
    kubeconfig: Path
    namespace: str

    def install(self, *options: str, chart: Path | None = None) -> str:
        return self._run("install", chart or self.chart, self._values, *options)

    def upgrade(self, *options: str) -> None:
        self._run("upgrade", self.chart, self._values, *options)

    def rollback(self) -> None:
        self._run("rollback")

    def uninstall(self) -> None:
        self._run("uninstall", "--ignore-not-found")

    def kubectl(self, *arguments: str) -> str:
        return kubectl.run(self.kubeconfig, f"--namespace={self.namespace}", *arguments)

    def create_rollout(self) -> None:
        self.kubectl("wait", "--for=condition=Established", CRD)
        self.kubectl("create", f"--filename={ROLLOUT}")

    def rollouts(self) -> list[str]:
        return self.kubectl("get", "modelrollouts", "--output=name").split()

    @property
    def _values(self) -> str:
        return f"--values={self.chart}/ci/default-values.yaml"

    def _run(self, command: str, *arguments: str | Path) -> str:
        options = (f"--namespace={self.namespace}", f"--kubeconfig={self.kubeconfig}")
        return self.helm(command, "modelrollout", *arguments, *options)


@pytest.fixture
def release(helm: Helm, chart: Path, kubeconfig: Path) -> Iterator[Release]:
    release = Release(helm, chart, kubeconfig, f"chart-{uuid4().hex[:8]}")
    release.kubectl("create", "namespace", release.namespace)
    restrict(kubeconfig, release.namespace)
    yield release
    release.uninstall()
    release.kubectl("delete", CRD, "--ignore-not-found")


def test_an_install_makes_a_pod_that_a_restricted_namespace_admits_and_says_what_to_do_next(release: Release) -> None:
    notes = release.install()

    release.kubectl("wait", "--for=jsonpath={.status.replicas}=1", "deployment/modelrollout")
    assert f"kubectl --namespace {release.namespace} rollout status deployment/modelrollout" in notes
    assert "WARNING: this cluster has no Gateway API" in notes


def test_an_upgrade_brings_the_crd_up_to_date_and_keeps_the_rollouts(release: Release, tmp_path: Path) -> None:
    release.install(chart=chart_with_an_older_crd(release.chart, tmp_path))
    release.create_rollout()
    assert "Verdict" not in release.kubectl("get", CRD, COLUMNS)

    release.upgrade()

    assert "Verdict" in release.kubectl("get", CRD, COLUMNS)
    assert release.rollouts() == ["modelrollout.modelrollout.io/churn"]


def test_a_rollback_restores_the_earlier_settings_and_the_earlier_crd(release: Release, tmp_path: Path) -> None:
    replicas = ("get", "deployment/modelrollout", "--output=jsonpath={.spec.replicas}")
    release.install(chart=chart_with_an_older_crd(release.chart, tmp_path))
    release.upgrade("--set=replicas=2")
    assert release.kubectl(*replicas) == "2"

    release.rollback()

    assert release.kubectl(*replicas) == "1"
    assert "Verdict" not in release.kubectl("get", CRD, COLUMNS)


def test_the_rollouts_outlive_the_release_and_a_new_one_takes_them_over(release: Release) -> None:
    release.install()
    release.create_rollout()

    release.uninstall()
    assert release.kubectl("get", "deployments,services,serviceaccounts,roles,rolebindings", SELECTOR) == ""
    assert release.rollouts() == ["modelrollout.modelrollout.io/churn"]

    release.install()
    assert release.rollouts() == ["modelrollout.modelrollout.io/churn"]


def test_a_crd_that_came_by_another_way_stays_in_the_hands_of_its_owner(release: Release) -> None:
    release.kubectl("apply", "--server-side", f"--filename={release.chart.parents[1] / 'crds'}")
    with pytest.raises(LocalClusterError, match=r"CustomResourceDefinition .* cannot be imported into the current"):
        release.install()

    release.install("--set=crds.install=false")

    assert "Helm" not in release.kubectl("get", CRD, "--output=jsonpath={.metadata.labels}")


def restrict(kubeconfig: Path, namespace: str) -> None:
    """Enforce the restricted Pod Security level, and warn about what would break it."""
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    kubectl.run(kubeconfig, "label", "namespace", namespace, *labels)


def chart_with_an_older_crd(chart: Path, folder: Path) -> Path:
    """A copy of the chart whose CRD has no printer columns yet."""
    older = shutil.copytree(chart, folder / chart.name)
    file = older / "files" / "modelrollout.io_modelrollouts.yaml"
    crd = yaml.safe_load(file.read_text())
    del crd["spec"]["versions"][0]["additionalPrinterColumns"]
    file.write_text(yaml.safe_dump(crd, sort_keys=False))
    return older
