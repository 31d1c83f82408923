"""Who may do what with whose predictions and truths."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from modelrollout_outcomes.service.app import create_app
from modelrollout_outcomes.service.kubernetes import ApiServer
from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.storage.database import Database
from tests.outcomes.world import World

USERS = {"token-a": "system:serviceaccount:team-a:models", "token-b": "system:serviceaccount:team-b:models"}


def api_server(request: httpx.Request) -> httpx.Response:
    """Answers as an API server whose accounts may do everything with the ModelRollouts of their own namespace."""
    spec = json.loads(request.content)["spec"]
    if request.url.path.endswith("/tokenreviews"):
        user = USERS.get(spec["token"])
        status = {"authenticated": bool(user), "user": {"username": user}, "audiences": spec.get("audiences", [])}
        return httpx.Response(201, json={"status": status})
    attributes = spec["resourceAttributes"]
    assert (attributes["group"], attributes["resource"]) == ("modelrollout.io", "modelrollouts")
    allowed = f":{attributes['namespace']}:" in spec["user"]
    return httpx.Response(201, json={"status": {"allowed": allowed}})


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text("token-a team-a\ntoken-b team-b,team-c\n\nroot *\n")
    return file


@pytest.fixture(params=["tokens", "kubernetes"])
def client(request: pytest.FixtureRequest, database: Database, tokens: Path, tmp_path: Path) -> TestClient:
    (tmp_path / "account").write_text("own")
    settings = ServiceSettings(access=request.param, tokens_file=tokens)
    connection = httpx.AsyncClient(transport=httpx.MockTransport(api_server), base_url="https://api")
    return TestClient(create_app(Service.of(settings, database), ApiServer(connection, tmp_path / "account")))


def item(world: World, namespace: str, **fields: Any) -> dict[str, Any]:
    return {**world.prediction("a", at=world.service.clock()), "namespace": namespace, **fields}


def post(client: TestClient, token: str, what: str, *items: dict[str, Any]) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return client.post(f"/v1/{what}", json={what: list(items)}, headers=headers)


@pytest.fixture
def now(world: World) -> World:
    world.now = time.time()
    return world


def test_one_tenant_writes_nothing_of_another(client: TestClient, now: World) -> None:
    answer = post(client, "token-a", "predictions", item(now, "team-a"), item(now, "team-b")).json()
    assert (answer["accepted"], [each["index"] for each in answer["rejected"]]) == (1, [1])
    assert "may not create" in answer["rejected"][0]["reason"]
    truths = [{**now.truth("a", "7"), "namespace": name} for name in ("team-a", "team-b")]
    states = [each["state"] for each in post(client, "token-a", "truths", *truths).json()["truths"]]
    assert states == ["matched", "rejected"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/rollouts/team-b/digits/status"),
        ("GET", "/v1/rollouts/team-b/digits/export"),
        ("DELETE", "/v1/rollouts/team-b/digits/keys/k"),
        ("PUT", "/v1/rollouts/team-b/digits/maturities"),
        ("POST", "/v1/truths/csv?namespace=team-b&rollout=digits"),
    ],
)
def test_one_tenant_reads_and_removes_nothing_of_another(client: TestClient, method: str, path: str) -> None:
    def status(token: str) -> int:
        body: dict[str, Any] = {"json": {"maturities": ["1h"]}} if method == "PUT" else {}
        content = {"content": "request,truth\n"} if method == "POST" else {}
        headers = {"authorization": f"Bearer {token}"}
        return client.request(method, path, headers=headers, **body, **content).status_code

    assert status("token-a") == 403
    assert status("token-b") in (200, 204)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic token-a"}])
def test_who_is_not_known_is_told_nothing(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/v1/predictions", json={"predictions": []}, headers=headers).status_code == 401


@pytest.mark.parametrize(("audiences", "status"), [(["modelrollout-outcomes", "x"], 200), (["x"], 401), (None, 401)])
def test_a_token_must_be_for_this_service(
    database: Database, tmp_path: Path, audiences: list[str] | None, status: int
) -> None:
    def review(_: httpx.Request) -> httpx.Response:
        known: dict[str, Any] = {"authenticated": True, "user": {"username": "ann"}, "allowed": True}
        return httpx.Response(201, json={"status": known | ({"audiences": audiences} if audiences else {})})

    (tmp_path / "account").write_text("own")
    connection = httpx.AsyncClient(transport=httpx.MockTransport(review), base_url="https://api")
    service = Service.of(ServiceSettings(access="kubernetes"), database)
    client = TestClient(create_app(service, ApiServer(connection, tmp_path / "account")))
    assert post(client, "token", "predictions").status_code == status


def test_a_proxy_is_believed_only_with_its_secret(database: Database, now: World) -> None:
    settings = ServiceSettings(
        proxy_header="x-forwarded-user", proxy_secret="s3cret", access="tokens", tokens_file=Path("/dev/null")
    )
    client = TestClient(create_app(Service.of(settings, database)))

    def status(secret: str, user: str) -> int:
        headers = {"x-modelrollout-proxy": secret, "x-forwarded-user": user}
        return client.get("/v1/rollouts/ml/digits/status", headers=headers).status_code

    assert [status("s3cret", "ann"), status("other", "ann"), status("s3cret", ""), status("", "ann")] == [
        200,
        401,
        401,
        401,
    ]
