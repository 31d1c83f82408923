import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from tests.unit.kube.scripted_server import HANG_UP, Answer, ScriptedServer

from modelrollout.kube.access import NoAccess, connect, default_namespace, load
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.retry import RetryPolicy
from modelrollout.kube.transport import Answer as Received
from modelrollout.kube.transport import FencedTransport, OfficialTransport, Request, Transport
from modelrollout.ports import (
    DEPLOYMENT,
    MODEL_ROLLOUT,
    POD,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    Manifest,
    NotFound,
    Unavailable,
)

Call = Callable[[OfficialKubeClient], Awaitable[Any]]

DEPLOYED: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"namespace": "ml", "name": "churn", "uid": "u1"},
    "spec": {"replicas": 1},
}

CALLS: dict[str, Call] = {
    "get": lambda client: client.get(DEPLOYMENT, "ml", "churn"),
    "list": lambda client: client.list(DEPLOYMENT, "ml"),
    "create": lambda client: client.create(DEPLOYED),
    "apply": lambda client: client.apply(DEPLOYED),
    "apply_status": lambda client: client.apply_status(DEPLOYED),
    "annotate": lambda client: client.annotate(DEPLOYMENT, "ml", "churn", {"a": "1"}),
    "delete": lambda client: client.delete(DEPLOYMENT, "ml", "churn", "u1"),
}


def failure(status: int, message: str = "because", **more: Any) -> Answer:
    return Answer(status, {"kind": "Status", "status": "Failure", "message": message, **more})


def page(*names: str, position: str = "") -> Answer:
    items = [{"metadata": {"name": name}} for name in names]
    return Answer(200, {"kind": "PodList", "metadata": {"continue": position}, "items": items})


def transport(url: str) -> OfficialTransport:
    return OfficialTransport(Configuration(host=url))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def client(server: ScriptedServer, waits: list[float]) -> AsyncIterator[OfficialKubeClient]:
    async def remember(seconds: float) -> None:
        waits.append(seconds)

    async with OfficialKubeClient(transport(server.url), retry=RetryPolicy(attempts=3), sleep=remember) as client:
        yield client


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(
    "trouble",
    [failure(429), failure(500), failure(502), failure(503), failure(504), HANG_UP],
    ids=["429", "500", "502", "503", "504", "no answer"],
)
async def test_a_transient_failure_is_tried_again(
    server: ScriptedServer, client: OfficialKubeClient, call: Call, trouble: Answer | None
) -> None:
    server.script([trouble, trouble, Answer(200, {**DEPLOYED, "items": []})])

    await call(client)

    assert len(server.asked) == 3
    assert server.asked[0] == server.asked[1] == server.asked[2]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_server_that_stays_away_is_given_up_on(
    server: ScriptedServer, client: OfficialKubeClient, call: Call, waits: list[float]
) -> None:
    server.script([failure(503, "etcd is down")])

    with pytest.raises(Unavailable, match="etcd is down"):
        await call(client)

    assert len(server.asked) == 3
    assert len(waits) == 2


async def test_no_connection_is_unavailable() -> None:
    async with OfficialKubeClient(transport("http://127.0.0.1:1"), retry=RetryPolicy(attempts=1)) as nowhere:
        with pytest.raises(Unavailable, match=r"get Deployment ml/churn: .*refused"):
            await nowhere.get(DEPLOYMENT, "ml", "churn")


async def test_an_answer_that_is_no_object_is_unavailable(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([Answer(200, "<html>Please log in</html>")])

    with pytest.raises(Unavailable, match="get Deployment ml/churn: the answer is no JSON object"):
        await client.get(DEPLOYMENT, "ml", "churn")


async def test_a_token_that_cannot_be_read_is_tried_again(server: ScriptedServer) -> None:
    failures = [ConfigException("Token file exists but empty."), OSError("no such file")]

    def refresh(_: Configuration) -> None:
        if failures:
            raise failures.pop()

    configuration = Configuration(host=server.url)
    configuration.refresh_api_key_hook = refresh
    server.script([Answer(200, DEPLOYED)])

    async with OfficialKubeClient(OfficialTransport(configuration), retry=RetryPolicy(base=0.001)) as client:
        assert await client.get(DEPLOYMENT, "ml", "churn") == DEPLOYED


async def test_retry_after_is_honoured(server: ScriptedServer, client: OfficialKubeClient, waits: list[float]) -> None:
    busy = failure(429)
    server.script([Answer(busy.status, busy.body, {"Retry-After": "7"}), Answer(200, DEPLOYED)])

    await client.get(DEPLOYMENT, "ml", "churn")

    assert waits[0] >= 7


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(400), Invalid),
        (failure(401), Forbidden),
        (failure(403), Forbidden),
        (failure(409), Conflict),
        (failure(413), Invalid),
        (failure(422), Invalid),
        (failure(422, details={"causes": [{"field": "metadata.uid"}]}), Conflict),
        (failure(500, "because failed to create typed patch object (x): .spec.y"), Invalid),
    ],
    ids=["400", "401", "403", "409", "413", "422", "422 of another uid", "500 of the schema"],
)
async def test_an_answer_that_is_final_is_not_tried_again(
    server: ScriptedServer, client: OfficialKubeClient, call: Call, answer: Answer, error: type[KubeError]
) -> None:
    server.script([answer, Answer(200, DEPLOYED)])

    with pytest.raises(error, match=r"(Deployment ml/churn|list deployments in ml): because"):
        await call(client)

    methods = [asked.method for asked in server.asked]
    assert methods.count(methods[0]) == 1


async def test_what_does_not_exist_is_none(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([failure(404)])

    assert await client.get(DEPLOYMENT, "ml", "churn") is None


async def test_a_kind_without_crd_is_named_as_such(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([Answer(404, "404 page not found\n")])

    with pytest.raises(NotFound, match=r"list modelrollouts: .* are its CRDs installed"):
        await client.list(MODEL_ROLLOUT, None)


async def test_a_long_list_is_read_page_by_page(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([page("a", "b", position="next"), page("c")])

    pods = await client.list(POD, "ml", {"x": "1", "y": "2"})

    assert [pod["metadata"]["name"] for pod in pods] == ["a", "b", "c"]
    assert {(pod["apiVersion"], pod["kind"]) for pod in pods} == {("v1", "Pod")}
    assert server.asked[0].path == "/api/v1/namespaces/ml/pods"
    assert [asked.query["labelSelector"] for asked in server.asked] == [["x=1,y=2"]] * 2
    assert [asked.query.get("continue") for asked in server.asked] == [None, ["next"]]


@pytest.mark.parametrize(
    ("answers", "requests"),
    [([page("a", position="next"), failure(410)] * 9, 4), ([page("a", position="next")], 20)],
    ids=["every page expires", "no page is the last"],
)
async def test_a_list_that_never_ends_is_given_up_on(
    server: ScriptedServer,
    client: OfficialKubeClient,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Answer],
    requests: int,
) -> None:
    monkeypatch.setattr("modelrollout.kube.official.MAX_PAGES", 20)
    server.script(answers)

    with pytest.raises(Unavailable, match="list pods in ml: the list"):
        await client.list(POD, "ml")

    assert len(server.asked) == requests


@pytest.mark.parametrize("body", [{"kind": "Status"}, {"kind": "PodList", "metadata": {}}], ids=["status", "no items"])
async def test_an_answer_that_is_no_list_is_unavailable(
    server: ScriptedServer, client: OfficialKubeClient, body: dict[str, Any]
) -> None:
    server.script([Answer(200, body)])

    with pytest.raises(Unavailable, match="the answer is no list"):
        await client.list(POD, "ml")


async def test_a_list_whose_snapshot_expires_half_way_is_read_anew(
    server: ScriptedServer, client: OfficialKubeClient
) -> None:
    server.script([page("a", position="next"), failure(410), page("a", "b")])

    assert [pod["metadata"]["name"] for pod in await client.list(POD, "ml")] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "path", "force"),
    [
        (lambda client: client.apply(DEPLOYED), "", "true"),
        (lambda client: client.apply(DEPLOYED, force=False), "", "false"),
        (lambda client: client.apply_status(DEPLOYED), "/status", "true"),
    ],
    ids=["apply", "apply without force", "status"],
)
async def test_apply_is_server_side(
    server: ScriptedServer, client: OfficialKubeClient, call: Call, path: str, force: str
) -> None:
    server.script([Answer(200, DEPLOYED)])

    assert await call(client) == DEPLOYED

    [asked] = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/apis/apps/v1/namespaces/ml/deployments/churn" + path)
    assert asked.query == {"fieldManager": ["modelrollout"], "force": [force]}
    assert asked.content_type == "application/apply-patch+yaml; charset=utf-8"
    assert asked.body == DEPLOYED


async def test_delete_means_one_object_and_what_it_owns(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([Answer(200, {"kind": "Status"})])

    await client.delete(DEPLOYMENT, "ml", "churn", "u1")

    assert server.asked[0].body == {"preconditions": {"uid": "u1"}, "propagationPolicy": "Background"}


@pytest.mark.parametrize(
    "answers",
    [
        [failure(404)],
        [failure(409), failure(404)],
        [failure(409), Answer(200, {**DEPLOYED, "metadata": {"uid": "u2"}})],
    ],
    ids=["absent", "gone meanwhile", "another one of that name"],
)
async def test_deleting_what_is_gone_is_fine(
    server: ScriptedServer, client: OfficialKubeClient, answers: list[Answer]
) -> None:
    server.script(answers)

    await client.delete(DEPLOYMENT, "ml", "churn", "u1")

    assert "DELETE" in {asked.method for asked in server.asked}


async def test_an_annotation_is_set_beside_the_others(server: ScriptedServer, client: OfficialKubeClient) -> None:
    server.script([Answer(200, DEPLOYED)])

    await client.annotate(DEPLOYMENT, "ml", "churn", {"a": "1"})

    [asked] = server.asked
    assert (asked.method, asked.content_type) == ("PATCH", "application/merge-patch+json")
    assert asked.body == {"metadata": {"annotations": {"a": "1"}}}


@pytest.fixture
def kubeconfig(tmp_path: Path, server: ScriptedServer) -> Path:
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "ml"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "current-context": "x",
            }
        )
    )
    return path


async def test_kubeconfig_counts_even_in_a_pod(
    kubeconfig: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    configuration = Configuration()

    await load(configuration)

    assert configuration.host == server.url
    assert default_namespace() == "ml"


async def test_a_pod_logs_in_with_its_own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for file, constant in (("token", "SERVICE_TOKEN_FILENAME"), ("ca.crt", "SERVICE_CERT_FILENAME")):
        (tmp_path / file).write_text("secret")
        # Defaults of parameters are taken when the function is called.
        monkeypatch.setattr(f"kubernetes.aio.config.incluster_config.{constant}", str(tmp_path / file))
    configuration = Configuration()

    await load(configuration)

    assert configuration.host == "https://10.96.0.1:443"
    assert configuration.api_key == {"BearerToken": "bearer secret"}


@pytest.mark.parametrize("text", ["", "[]", "{", "a: b: c", "{contexts: 1}", "current-context: gone"])
def test_a_file_that_is_no_kubeconfig_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "config"
    broken.write_text(text)

    with pytest.raises(NoAccess):
        default_namespace(str(broken))
    with pytest.raises(NoAccess):
        asyncio.run(load(Configuration(), str(broken)))


async def test_a_token_that_the_server_no_longer_takes_is_read_anew(server: ScriptedServer, kubeconfig: Path) -> None:
    async with OfficialKubeClient(await connect(str(kubeconfig))) as client:
        kubeconfig.write_text(kubeconfig.read_text().replace('"t"', '"renewed"'))
        server.script([failure(401), Answer(200, DEPLOYED)])

        await client.apply(DEPLOYED)

    assert [asked.authorization for asked in server.asked] == ["Bearer t", "Bearer renewed"]


async def test_a_server_that_takes_no_token_is_asked_twice_and_no_more(
    server: ScriptedServer, kubeconfig: Path
) -> None:
    server.script([failure(401)])

    async with OfficialKubeClient(await connect(str(kubeconfig))) as client:
        with pytest.raises(Forbidden):
            await client.get(DEPLOYMENT, "ml", "churn")

    assert len(server.asked) == 2


async def test_a_token_that_no_header_can_hold_is_not_quoted(server: ScriptedServer) -> None:
    configuration = Configuration(host=server.url, api_key={"BearerToken": "bearer first line\nsecret line"})

    async with OfficialKubeClient(OfficialTransport(configuration), retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(Unavailable, match="credentials cannot be sent") as refused:
            await client.get(DEPLOYMENT, "ml", "churn")

    assert "secret" not in str(refused.value)


class Recorder:
    """A transport that gives one answer again and again, and remembers the time that each attempt was given."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.timeouts: list[float] = []

    async def send(self, request: Request, timeout: float) -> Received:
        self.timeouts.append(timeout)
        return Received(request, self.status, json.dumps({**DEPLOYED, "items": []}))

    async def renew(self) -> bool:
        return False

    async def close(self) -> None:
        pass


def fenced(transport: Transport, *remaining: float) -> OfficialKubeClient:
    left = list(remaining)

    async def at_once(_: float) -> None:
        pass

    return OfficialKubeClient(
        FencedTransport(transport, lambda: left.pop(0)), timeout=20, retry=RetryPolicy(attempts=5), sleep=at_once
    )


WRITES = [name for name in CALLS if name not in ("get", "list")]


@pytest.mark.parametrize("call", [CALLS[name] for name in WRITES], ids=WRITES)
async def test_a_retry_is_not_sent_once_another_replica_may_lead(call: Call) -> None:
    recorder = Recorder(503)

    with pytest.raises(Unavailable, match="not the leader"):
        await call(fenced(recorder, 9, 0, 9))

    assert len(recorder.timeouts) == 1


@pytest.mark.parametrize("call", [CALLS[name] for name in WRITES], ids=WRITES)
async def test_an_attempt_to_write_ends_before_another_replica_may_lead(call: Call) -> None:
    recorder = Recorder(200)

    await call(fenced(recorder, 3.5))

    assert recorder.timeouts == [3.5]


@pytest.mark.parametrize("call", [CALLS["get"], CALLS["list"]], ids=["get", "list"])
async def test_reading_needs_no_leadership(call: Call) -> None:
    recorder = Recorder(200)

    await call(fenced(recorder))

    assert recorder.timeouts == [20]
