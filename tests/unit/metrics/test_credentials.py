"""Prometheus gets the credentials that it is to get, and nobody else does."""

import traceback
from base64 import b64encode
from contextlib import closing
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.metrics.failing import answer, failure_of, result, url_of

from modelrollout.metrics.prometheus.client import (
    PrometheusClient,
    SourceFailure,
)
from modelrollout.metrics.prometheus.credentials import BasicAuthFiles, BearerTokenFile


def test_credentials_in_the_address_are_not_told() -> None:
    assert "secret" not in failure_of("http://user:secret@127.0.0.1:1")


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://prometheus", "http://", "", "http://user:sec#ret@host", "x://user:secret@host"]
)
def test_an_address_that_is_no_url_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="http or https URL") as raised:
        PrometheusClient(url, timeout=5)

    assert "sec" not in str(raised.value)


def test_a_token_is_read_anew_for_every_request(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    handler = answer(server, 200, result([]))
    token = tmp_path / "token"
    client = PrometheusClient(url_of(server), timeout=5, auth=BearerTokenFile(token))

    with closing(client):
        for value in ("first", "second\n"):
            token.write_text(value)
            client.raw("up", 0, 1000)

    assert handler.authorizations == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"s3cr3t\nsecond line", "token holds more than one line"),
        (b"s3cr3t\x1b[0m", "token holds characters that cannot be sent"),
        ("s3cr3t-größe".encode(), "token holds characters that no token has"),
        (b"s3cr3t\xff", "token is not text in UTF-8"),
        (b" \n", "token is empty"),
        (b"s3cr3t" * 20_000, "token is too long"),
        (None, "token: No such file or directory"),
    ],
)
def test_a_token_that_cannot_be_sent_is_told_without_what_is_in_it(
    server: ThreadingHTTPServer, tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    client = PrometheusClient(url_of(server), timeout=5, auth=BearerTokenFile(tmp_path / "token"))
    with closing(client), pytest.raises(SourceFailure, match=told) as raised:
        client.raw("up", 0, 1000)

    assert "s3cr3t" not in "".join(traceback.format_exception(raised.value))


def test_the_mark_that_some_editors_begin_a_file_with_is_no_part_of_a_token(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    handler = answer(server, 200, result([]))
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbftoken\r\n")

    with closing(PrometheusClient(url_of(server), timeout=5, auth=BearerTokenFile(tmp_path / "token"))) as client:
        client.raw("up", 0, 1000)

    assert handler.authorizations == ["Bearer token"]


def test_a_name_and_a_password_are_read_from_files(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    handler = answer(server, 200, result([]))
    (tmp_path / "username").write_text("tenant\n")
    (tmp_path / "password").write_text("größe:1\n")
    auth = BasicAuthFiles(tmp_path / "username", tmp_path / "password")

    with closing(PrometheusClient(url_of(server), timeout=5, auth=auth)) as client:
        client.raw("up", 0, 1000)

    assert handler.authorizations == ["Basic " + b64encode("tenant:größe:1".encode()).decode()]


def test_the_environment_sends_nothing_elsewhere(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = answer(server, 200, result([]))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    with closing(PrometheusClient(url_of(server), timeout=5)) as client:
        client.raw("up", 0, 1000)

    assert handler.authorizations == [None]
