"""Truths as tables, from files and over the wire, and what comes back out."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from modelrollout_outcomes import client as client_module
from modelrollout_outcomes.client import OutcomesClient
from modelrollout_outcomes.commands import label
from modelrollout_outcomes.commands.remote import RemoteOptions
from modelrollout_outcomes.errors import OutcomesError
from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.tables import waiting_truths
from tests.outcomes.process import Process
from tests.outcomes.world import DAY, World


def test_each_line_of_a_table_is_taken_for_itself(world: World) -> None:
    world.predict("a", "b")
    table = f"request,key,at,truth,by\na,,,7,ann\n\nb,,,8,\nnobody,,,7,\n,k,,7,\n,k,{world.now},7,\n"
    answer = world.client.post("/v1/truths/csv?namespace=ml&rollout=digits", content=table).json()
    assert answer["counts"] == {"matched": 2, "corrected": 0, "duplicate": 0, "waiting": 2, "rejected": 1}
    assert [(each["line"], each["state"]) for each in answer["problems"]] == [
        (5, "waiting"),
        (6, "rejected"),
        (7, "waiting"),
    ]
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 1, "wrong": 1}


def test_a_long_table_is_taken_in_parts(world: World) -> None:
    requests = [str(number) for number in range(2500)]
    world.predict(*requests)
    table = "request,truth\n" + "".join(f"{each},7\n" for each in requests)
    answer = world.client.post("/v1/truths/csv?namespace=ml&rollout=digits", content=table).json()
    assert answer["counts"]["matched"] == 2500


@pytest.mark.parametrize("table", ["truth\n7\n", "request\na\n", "request,truth,colour\n", "request,truth\n\xff\xfe"])
def test_a_table_that_cannot_be_read_is_refused(world: World, table: str) -> None:
    answer = world.client.post("/v1/truths/csv?namespace=ml&rollout=digits", content=table.encode("latin-1"))
    assert answer.status_code == 400


def test_what_was_labelled_comes_out_with_who_and_when(world: World) -> None:
    world.predict("a", input={"pixels": [1, 2]})
    world.predict("b")
    world.learn("a", "7", by="ann")
    [line] = world.client.get("/v1/rollouts/ml/digits/export").text.splitlines()
    row = json.loads(line)
    assert (row["request"], row["input"], row["prediction"], row["truth"]) == ("a", {"pixels": [1, 2]}, "7", "7")
    assert (row["by"], row["truth_at"], row["version"]) == ("ann", world.now, "v1")


def test_what_has_a_key_is_forgotten_and_stays_counted(world: World) -> None:
    world.predict("a", key="ann", input={"name": "Ann"})
    world.predict("b", key="bob", input={"name": "Bob"})
    for request in "ab":
        world.learn(request, "7")
    world.sleep(DAY + 1)
    world.count()
    assert world.client.delete("/v1/rollouts/ml/digits/keys/ann").json() == {"predictions": 1}
    assert world.client.delete("/v1/rollouts/ml/digits/keys/ann").json() == {"predictions": 0}
    text = world.client.get("/v1/rollouts/ml/digits/export").text
    assert "Bob" in text
    assert "Ann" not in text
    assert world.counted() == {"right": 2}


def test_a_team_asks_for_a_maturity_of_its_own(world: World) -> None:
    world.predict("a")
    path = "/v1/rollouts/ml/digits/maturities"
    assert world.client.put(path, json={"maturities": ["1h"]}).status_code == 204
    assert world.client.put(path, json={"maturities": ["30d"]}).status_code == 422
    world.sleep(3601)
    assert world.counted(maturity="3600") == {"unlabelled": 1}
    [status] = world.client.get("/v1/rollouts/ml/digits/status").json()
    assert (status["maturity"], status["version"], status["unlabelled"]) == (3600, "v1", 1)


def test_the_command_labels_from_a_file_and_names_the_lines_that_do_not_fit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.predict("a", "b")
    file = tmp_path / "truths.csv"
    file.write_text("request,truth\na,7\nnobody,7\n,7\n")
    transport = httpx.Client(transport=world.client._transport, base_url="http://testserver")

    def connect(_: RemoteOptions) -> OutcomesClient:
        connected = OutcomesClient("http://testserver")
        connected._http = transport
        return connected

    monkeypatch.setattr(RemoteOptions, "client", connect)
    arguments = ["--url=http://testserver", "--namespace=ml", "--rollout=digits", f"--csv={file}"]
    with pytest.raises(OutcomesError, match="1 lines were rejected"):
        label.run("modelrollout-outcomes label", arguments)
    printed = capsys.readouterr()
    assert printed.out == "1 matched, 1 rejected, 1 waiting\n"
    assert "line 3: waiting" in printed.err
    assert "line 4: " in printed.err


def test_a_client_tries_again_while_the_service_is_busy_and_not_when_it_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module.time, "sleep", lambda _: None)
    answers = iter([httpx.Response(503, headers={"retry-after": "1"}), httpx.Response(200, json={"truths": []})])
    busy = OutcomesClient("http://outcomes", transport=httpx.MockTransport(lambda _: next(answers)))
    assert list(busy._call("POST", "/v1/truths")["truths"]) == []
    refusing = OutcomesClient(
        "http://outcomes", transport=httpx.MockTransport(lambda _: httpx.Response(403, json={"detail": "no"}))
    )
    with pytest.raises(OutcomesError, match="answers 403: no"):
        refusing.status("ml", "digits")


def test_a_table_is_stored_while_more_of_it_comes(url: str) -> None:
    service = Process(url)
    service.start()
    service.wait()
    database = open_database(url)

    def stored() -> int:
        with database.reading() as connection:
            return connection.execute(select(func.count()).select_from(waiting_truths)).scalar_one()

    def table() -> Iterator[bytes]:
        yield b"request,truth\n" + b"".join(b"%d,7\n" % each for each in range(3000))
        deadline = time.monotonic() + 60
        while stored() < 2000:
            assert time.monotonic() < deadline, "nothing is stored before the end of the table"
            time.sleep(0.02)
        yield b"".join(b"%d,7\n" % each for each in range(3000, 4000))

    try:
        parameters = {"namespace": "ml", "rollout": "digits"}
        answer = httpx.post(f"{service.url}/v1/truths/csv", params=parameters, content=table(), timeout=60)
        assert answer.json()["counts"]["waiting"] == stored() == 4000
    finally:
        service.kill()
        database.close()
