"""What sinks make of a batch."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from time import time

import httpx
import pytest
from tests.unit.serving.sinks import record

from modelrollout_outcomes.records import PREDICTION
from modelrollout_serving import JsonLines, OutcomesService, Receipt, Record, Unavailable
from modelrollout_serving.settings import sink_of
from modelrollout_serving.sinks.outcomes import MOST_FAULTS

TAKEN = {"accepted": 1, "duplicates": 0, "rejected": []}


class Service:
    """An outcomes service that answers one thing. asked: the requests it got."""

    def __init__(self, status: int = 200, body: object = None, **headers: str) -> None:
        self.asked: list[httpx.Request] = []
        self._answer = status, TAKEN if body is None else body, headers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, body, headers = self._answer
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, json=body, headers=named)


def sink(service: object, **options: object) -> OutcomesService:
    transport = httpx.MockTransport(service)  # type: ignore[arg-type]
    return OutcomesService("http://outcomes/", transport=transport, **options)  # type: ignore[arg-type]


def test_a_batch_is_posted_as_the_outcomes_service_takes_it() -> None:
    service = Service(body={"accepted": 1, "duplicates": 1, "rejected": [{"index": 0, "reason": "no such rollout"}]})
    captured = record(1, segments={"country": "ch"}, key="order-1", latency=0.01, shadow=True, input=[1, 2])
    assert sink(service).send([record(0), captured]) == Receipt(1, 1, 1, "no such rollout")
    [request] = service.asked
    assert (request.method, str(request.url)) == ("POST", "http://outcomes/v1/predictions")
    plain, full = json.loads(request.content)["predictions"]
    assert plain["input"] is None
    assert full == {
        "request": "request-1",
        "namespace": "ml",
        "rollout": "digits",
        "version": "v2",
        "revision": "0123456789",
        "arm": None,
        "endpoint": "/predict",
        "at": 1001.0,
        "prediction": "7",
        "confidence": 0.9,
        "segments": {"country": "ch"},
        "key": "order-1",
        "latency": 0.01,
        "shadow": True,
        "input": [1, 2],
    }


@pytest.mark.parametrize(
    "written",
    [record(), record(input={"pixels": [0.5]}, segments={"country": "ch"}, key="order-1", latency=0.1, shadow=True)],
)
def test_the_outcomes_service_reads_what_is_written(written: Record) -> None:
    read = PREDICTION.validate_json(written.encoded(), strict=True)
    assert read.model_dump() == written.wire()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_cannot_now_is_asked_again(status: int) -> None:
    with pytest.raises(Unavailable) as raised:
        sink(Service(status, Retry_After="7")).send([record()])
    assert raised.value.after == 7


def test_a_batch_that_only_makes_faults_does_not_block_the_others() -> None:
    to = sink(Service(500))
    for _ in range(MOST_FAULTS - 1):
        with pytest.raises(Unavailable):
            to.send([record()])
    assert to.send([record()]).rejected == 1
    with pytest.raises(Unavailable):
        to.send([record(1)])


def test_a_service_that_is_away_for_long_is_waited_for() -> None:
    to = sink(Service(503))
    for _ in range(3 * MOST_FAULTS):
        with pytest.raises(Unavailable):
            to.send([record()])


def test_patience_may_be_asked_for_by_a_date_and_has_an_end() -> None:
    with pytest.raises(Unavailable) as raised:
        sink(Service(503, Retry_After=formatdate(time() + 30, usegmt=True))).send([record()])
    assert raised.value.after is not None
    assert 25 < raised.value.after <= 30
    with pytest.raises(Unavailable) as raised:
        sink(Service(503, Retry_After="86400")).send([record()])
    assert raised.value.after == 300


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_the_service_refuses_is_given_up(status: int) -> None:
    receipt = sink(Service(status, {"detail": "no"})).send([record(0), record(1)])
    assert (receipt.accepted, receipt.rejected) == (0, 2)
    assert str(status) in receipt.why


def test_a_batch_that_is_too_large_goes_in_parts() -> None:
    sizes = []

    def small(request: httpx.Request) -> httpx.Response:
        number = len(json.loads(request.content)["predictions"])
        sizes.append(number)
        return httpx.Response(200 if number <= 2 else 413, json={**TAKEN, "accepted": number})

    assert sink(small).send([record(number) for number in range(5)]) == Receipt(5)
    assert sizes == [5, 2, 3, 1, 2]


def test_a_single_record_that_is_too_large_is_given_up() -> None:
    assert sink(Service(413)).send([record()]).rejected == 1


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("")]
)
def test_a_service_that_is_away_is_asked_again(error: Exception) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unavailable):
        sink(away).send([record()])


@pytest.mark.parametrize("body", ["a login page", {}, [], {"accepted": 1, "duplicates": 0, "rejected": 3}])
def test_another_service_in_its_place_is_not_taken_for_it(body: object) -> None:
    with pytest.raises(Unavailable, match="does not answer like"):
        sink(Service(200, body)).send([record()])


def test_the_token_is_read_from_its_file_for_every_batch(tmp_path: Path) -> None:
    token = tmp_path / "token"
    service = Service()
    to = sink(service, token_file=token)
    for text in ("first\n", "second\n"):
        token.write_text(text)
        to.send([record()])
    assert [request.headers["Authorization"] for request in service.asked] == ["Bearer first", "Bearer second"]
    token.unlink()
    with pytest.raises(Unavailable):
        to.send([record()])


def test_lines_are_appended_and_the_older_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    to = JsonLines(path, most_bytes=1000)
    for number in range(8):
        assert to.send([record(number)]) == Receipt(1)
    older = path.with_name("predictions.jsonl.1")
    numbers = [json.loads(line)["request"] for file in (older, path) for line in file.read_text().splitlines()]
    assert numbers == [f"request-{number}" for number in range(8 - len(numbers), 8)]
    assert len(numbers) >= 3
    assert max(file.stat().st_size for file in (older, path)) <= 1000


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """A disk on which no file gets longer than `size` bytes: the kernel writes what fits, and then nothing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_whole_lines_and_the_batch_to_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    to = JsonLines(path)
    to.send([record(0)])
    before = path.read_bytes()
    with room_for(len(before) + 20), pytest.raises(Unavailable, match="too large"):
        to.send([record(1)])
    assert path.read_bytes() == before
    to.send([record(1)])
    assert [json.loads(line)["request"] for line in path.read_text().splitlines()] == ["request-0", "request-1"]


def test_a_folder_that_is_not_there_is_no_fault_of_the_records(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        JsonLines(tmp_path / "none" / "predictions.jsonl").send([record()])


def test_the_environment_names_the_sink(tmp_path: Path) -> None:
    url, file = {"MODELROLLOUT_OUTCOMES_URL": "http://o"}, {"MODELROLLOUT_PREDICTIONS_FILE": str(tmp_path / "p")}
    assert sink_of({}) is None
    assert isinstance(sink_of(url | file), OutcomesService)
    assert isinstance(sink_of(file), JsonLines)
