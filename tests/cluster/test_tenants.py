"""A real Prometheus that wants a certificate and a password, asked about the namespaces that have them only."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from tests.cluster.scraped import ARMS, ERRORS, SETTINGS, Pod, Prometheus, look, until_counted

from modelrollout.metrics.prometheus.clients import ClientsByNamespace
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import SourceDown
from modelrollout_localcluster.certificates import CertificateAuthority, KeyPair

# Of "test", as Prometheus' documentation of its web configuration has it.
PASSWORD, HASH = "test", "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "pki")


@pytest.fixture
def prometheus(tmp_path: Path, authority: CertificateAuthority) -> Iterator[Prometheus]:
    server = authority.issue("server", "prometheus", hosts=["127.0.0.1"])
    web = {
        "tls_server_config": {
            "cert_file": str(server.certificate),
            "key_file": str(server.key),
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": str(authority.certificate),
        },
        "basic_auth_users": {"team-a": HASH},
    }
    (tmp_path / "web.yaml").write_text(yaml.safe_dump(web))
    pods = [Pod("churn-a-1"), Pod("churn-b-1")]
    with Prometheus(tmp_path, pods, flags=[f"--web.config.file={tmp_path / 'web.yaml'}"]) as process:
        yield process
    for pod in pods:
        pod.stop()


def secret(directory: Path, authority: CertificateAuthority, shown: KeyPair | None, **files: str) -> None:
    directory.mkdir(parents=True)
    shutil.copy(authority.certificate, directory / "ca.crt")
    if shown:
        shutil.copy(shown.certificate, directory / "tls.crt")
        shutil.copy(shown.key, directory / "tls.key")
    for name, text in files.items():
        (directory / name).write_text(text)


async def test_each_namespace_is_measured_with_what_its_secret_holds(
    prometheus: Prometheus, authority: CertificateAuthority, tmp_path: Path
) -> None:
    client = authority.issue("client", "modelrollout")
    url, own = prometheus.url.replace("http:", "https:"), tmp_path / "own"
    access = {"url": url, "username": "team-a", "password": PASSWORD, "headers": "X-Scope-OrgID: team-a"}
    secret(own / "ml", authority, client, **access)
    secret(own / "no-certificate", authority, None, **access)
    secret(own / "wrong-password", authority, client, **{**access, "password": "wrong"})

    with closing(PrometheusSource(ClientsByNamespace(prometheus.url, own=own), SETTINGS)) as source:
        assert (await until_counted(source)).windows
        refused = [
            await look(source, ERRORS, arms=Arms(namespace, ARMS.champion_pods, ARMS.challenger_pods))
            for namespace in ("no-certificate", "wrong-password", "default")
        ]

    assert all(isinstance(measurement, SourceDown) for measurement in refused), refused
    assert "answers 401" in str(refused[1])
    assert PASSWORD not in str(refused)
