"""Whom the operator asks about a namespace, and with what, as the files of mounted Secrets say."""

import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelrollout.api.gates import Gate
from modelrollout.metrics.prometheus.client import SourceFailure
from modelrollout.metrics.prometheus.clients import ClientsByNamespace
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import SourceDown
from modelrollout.rollout.settings import Settings

NOWHERE = "http://127.0.0.1:9"


class Remembering(BaseHTTPRequestHandler):
    """Has no series, and remembers the headers that it was asked with."""

    asked: list[Mapping[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        self.send_response_only(200)
        self.end_headers()
        self.wfile.write(b'{"status": "success", "data": {"resultType": "matrix", "result": []}}')

    def log_message(self, *_: object) -> None:
        pass


class Server:
    def __init__(self) -> None:
        handler = type("Handler", (Remembering,), {"asked": []})
        self.asked: list[Mapping[str, str]] = handler.asked  # type: ignore[attr-defined]
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".")).write_text(text)
    return directory


def test_a_namespace_is_asked_about_with_what_its_secret_holds(server: Server, tmp_path: Path) -> None:
    write(
        tmp_path / "team-a",
        url=f"{server.url}/prometheus\n",
        headers="X-Scope-OrgID: team-a|shared\r\nX-Other: 1\n",
        username="a",
        password="1:2",
    )
    with closing(ClientsByNamespace(NOWHERE, own=tmp_path)) as clients:
        clients.of("team-a").raw("up", 0, 1000)

    [asked] = server.asked
    assert (asked["X-Scope-OrgID"], asked["X-Other"]) == ("team-a|shared", "1")
    assert asked["Authorization"] == "Basic " + b64encode(b"a:1:2").decode()


def test_what_a_namespace_has_of_its_own_is_sent_for_no_other(server: Server, tmp_path: Path) -> None:
    shared = write(tmp_path / "shared", headers="X-Scope-OrgID: all", token="shared")
    write(tmp_path / "own" / "team-a", token="of-a")
    with closing(ClientsByNamespace(server.url, credentials=shared, own=tmp_path / "own")) as clients:
        for namespace in ("team-a", "team-b"):
            clients.of(namespace).raw("up", 0, 1000)

    assert [asked.get("X-Scope-OrgID") for asked in server.asked] == [None, "all"]
    assert [asked["Authorization"] for asked in server.asked] == ["Bearer of-a", "Bearer shared"]


def test_a_secret_that_changes_is_heeded_at_once(server: Server, tmp_path: Path) -> None:
    own = write(tmp_path / "team-a", headers="X-Scope-OrgID: one")
    with closing(ClientsByNamespace(server.url, own=tmp_path)) as clients:
        first = clients.of("team-a")
        first.raw("up", 0, 1000)
        assert clients.of("team-a") is first
        write(own, headers="X-Scope-OrgID: another")
        clients.of("team-a").raw("up", 0, 1000)
        first.raw("up", 0, 1000)

    assert [asked["X-Scope-OrgID"] for asked in server.asked] == ["one", "another", "one"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"url": "prometheus:9090"}, "must be an http or https URL"),
        ({"url": "http://a\nhttp://b"}, "url holds more than one line"),
        ({"url": " "}, "url is empty"),
        ({"headers": "X-Scope-OrgID team-secret"}, "headers must hold lines like X-Scope-OrgID: team-a"),
        ({"headers": "X Scope: team-secret"}, "headers must hold lines like"),
        ({"headers": "X-Scope-OrgID: team-secret\x00"}, "headers holds characters that cannot be sent"),
        ({"username": "team-secret"}, "there must be both username and password, or neither"),
        ({"tls_key": "team-secret"}, "there must be both tls.crt and tls.key, or neither"),
        ({"token": "team-secret", "username": "a", "password": "team-secret"}, "not both"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named_and_nobody_else_is_asked(
    server: Server, tmp_path: Path, files: dict[str, str], why: str
) -> None:
    write(tmp_path / "ml", **files)
    clients = ClientsByNamespace(server.url, own=tmp_path)
    gate = Gate.model_validate({"name": "errors", "errorRate": {}})
    with closing(PrometheusSource(clients, Settings())) as source:
        measured = (await source.measure([gate], Arms("ml", "a-.*", "b-.*"), after=None, now=1.7e9))["errors"]

    assert isinstance(measured, SourceDown)
    assert measured.message.startswith("the Secret for Prometheus is unusable: ")
    assert why in measured.message
    assert "team-secret" not in measured.message
    assert server.asked == []


def test_a_secret_that_goes_leaves_its_namespace_to_the_shared_one(server: Server, tmp_path: Path) -> None:
    own = write(tmp_path / "team-a", url=NOWHERE)
    with closing(ClientsByNamespace(server.url, own=tmp_path)) as clients:
        with pytest.raises(SourceFailure):
            clients.of("team-a").raw("up", 0, 1000)
        (own / "url").unlink()
        clients.of("team-a").raw("up", 0, 1000)

    assert len(server.asked) == 1
