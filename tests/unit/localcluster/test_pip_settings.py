from pathlib import Path

import pytest

from modelrollout_localcluster.pip_settings import PipSettings


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing tells pip anything; /etc/pip.conf of the real one gives way to PIP_CONFIG_FILE."""
    for name in ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))


def configure(folder: Path, settings: str) -> None:
    (folder / "pip.conf").write_text(f"[global]\n{settings}\n")


def test_the_environment_overrides_the_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, "index-url = https://file.example/simple\ntrusted-host = file.example")
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example/simple")
    options = PipSettings.of_this_machine().options
    assert options["index-url"] == "https://environment.example/simple"
    assert options["trusted-host"] == "file.example"


def test_settings_that_name_folders_of_the_machine_stay_out_of_the_build(tmp_path: Path) -> None:
    configure(tmp_path, "find-links = /opt/wheels\ncache-dir = /var/cache/pip")
    assert not {"find-links", "cache-dir"} & set(PipSettings.of_this_machine().options)


def test_a_build_trusts_the_authorities_of_the_machine_from_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, "cert = /etc/company.pem")
    folder = tmp_path / "build"
    folder.mkdir()
    secrets = PipSettings.of_this_machine().as_secrets(folder)
    assert secrets == ["id=ca.pem,src=/etc/company.pem", f"id=pip.conf,src={folder}/pip.conf"]
    assert "cert = /run/secrets/ca.pem\n" in (folder / "pip.conf").read_text()


def test_openssl_s_bundle_serves_when_pip_is_told_of_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, "cert =")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/openssl.pem")
    assert PipSettings.of_this_machine().certificates == Path("/etc/openssl.pem")


def test_without_a_bundle_of_its_own_the_machine_hands_over_no_authorities(tmp_path: Path) -> None:
    configure(tmp_path, "cert =")
    secrets = PipSettings.of_this_machine().as_secrets(tmp_path)
    assert secrets == [f"id=pip.conf,src={tmp_path}/pip.conf"]
    assert "cert" not in (tmp_path / "pip.conf").read_text()
