from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.kube.fake_client import FakeKubeClient

from modelrollout.kube.events import EventRecorder
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Forbidden, Manifest
from modelrollout.rollout.plan import Event, EventType

OWNER = Owner("ml", "churn", "owner-uid")
ROLLED_BACK = Event(EventType.WARNING, "RolledBack", "churn:v3 is worse than the champion")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> FakeKubeClient:
    return FakeKubeClient()


@pytest.fixture
def recorder(client: FakeKubeClient, clock: Clock) -> EventRecorder:
    return EventRecorder(client, clock)


def written(client: FakeKubeClient) -> list[Manifest]:
    return list(client.objects.values())


async def test_an_event_names_the_rollout_and_its_reason(client: FakeKubeClient, recorder: EventRecorder) -> None:
    await recorder.record(OWNER, ROLLED_BACK)

    [event] = written(client)
    assert event["involvedObject"] == {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "namespace": "ml",
        "name": "churn",
        "uid": "owner-uid",
    }
    assert (event["type"], event["reason"]) == ("Warning", "RolledBack")
    assert event["message"] == "churn:v3 is worse than the champion"


async def test_a_repetition_counts_up(client: FakeKubeClient, recorder: EventRecorder, clock: Clock) -> None:
    await recorder.record(OWNER, ROLLED_BACK)
    clock.now += timedelta(minutes=9)
    await recorder.record(OWNER, ROLLED_BACK)

    [event] = written(client)
    assert event["count"] == 2
    assert event["firstTimestamp"] == "2026-11-24T15:00:00Z"
    assert event["lastTimestamp"] == "2026-11-24T15:09:00Z"


async def test_what_happens_again_long_after_is_an_event_of_its_own(
    client: FakeKubeClient, recorder: EventRecorder, clock: Clock
) -> None:
    await recorder.record(OWNER, ROLLED_BACK)
    clock.now += timedelta(minutes=10)
    await recorder.record(OWNER, ROLLED_BACK)

    assert [event["count"] for event in written(client)] == [1, 1]


@pytest.mark.parametrize(
    ("owner", "event"),
    [
        (OWNER, Event(EventType.WARNING, "RolledBack", "churn:v4 is slow")),
        (Owner("ml", "churn", "uid-of-a-later-churn"), ROLLED_BACK),
    ],
    ids=["other message", "other rollout"],
)
async def test_what_is_no_repetition_is_an_event_of_its_own(
    client: FakeKubeClient, recorder: EventRecorder, owner: Owner, event: Event
) -> None:
    await recorder.record(OWNER, ROLLED_BACK)
    await recorder.record(owner, event)

    assert [event["count"] for event in written(client)] == [1, 1]


async def test_a_message_is_cut_to_what_the_events_api_allows(client: FakeKubeClient, recorder: EventRecorder) -> None:
    await recorder.record(OWNER, Event(EventType.NORMAL, "Long", "x" * 5000))

    assert len(written(client)[0]["message"]) == 1024


async def test_an_event_that_cannot_be_written_is_only_logged(
    client: FakeKubeClient,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(manifest: Manifest, *, force: bool = True) -> Manifest:
        raise Forbidden("events is forbidden")

    monkeypatch.setattr(client, "apply", refuse)

    await recorder.record(OWNER, ROLLED_BACK)

    assert "Event RolledBack about ml/churn was not written: events is forbidden" in caplog.text
