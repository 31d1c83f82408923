"""Records reach the sink in the background, whatever state it is in, and what does not is counted."""

import os
from time import monotonic

import pytest
from tests.unit.serving.counting import grown
from tests.unit.serving.sinks import Kept, Stuck, record

from modelrollout_serving import Receipt, Unavailable
from modelrollout_serving.sender import Sender

DROPPED = "modelrollout_dropped_records_total"
RECORDS = "modelrollout_records_total"


def test_what_waits_is_sent_in_order_before_the_end() -> None:
    sink = Kept()
    sender = Sender(sink, pause=60)
    for number in range(1234):
        sender.put(record(number))
    sender.close()
    assert [one.request for one in sink.records] == [f"request-{number}" for number in range(1234)]
    assert len(sink.batches) > 1
    assert sink.closed.is_set()


def test_a_batch_that_the_sink_does_not_take_is_sent_again() -> None:
    sink = Kept(Unavailable("down"), Unavailable("asks for patience", after=0.01))
    sender = Sender(sink, pause=0.01)

    def run() -> None:
        sender.put(record())
        sender.close()

    assert grown(run, RECORDS, result="accepted") == 1
    assert [one.request for one in sink.records] == ["request-0"]


def test_a_sink_with_a_fault_loses_its_batch_and_not_the_next() -> None:
    sink = Kept(KeyError("a fault"))
    sender = Sender(sink, pause=0.01)

    def run() -> None:
        for number in range(501):
            sender.put(record(number))
        sender.close()

    assert grown(run, DROPPED, reason="fault") + len(sink.records) == 501
    assert sink.records


def test_a_stuck_sink_fills_the_buffer_and_then_drops_what_comes() -> None:
    sink = Stuck()
    sender = Sender(sink, room=10, pause=0)
    sender.put(record())
    assert sink.asked.wait(5)

    def fill() -> None:
        for number in range(25):
            sender.put(record(number))

    assert grown(fill, DROPPED, reason="full") == 15
    assert grown(lambda: sender.close(0.1), DROPPED, reason="closed") == 10
    sink.go.set()


def test_the_end_waits_for_a_stuck_sink_no_longer_than_it_was_told() -> None:
    sink = Stuck()
    sender = Sender(sink, pause=0)
    sender.put(record())
    assert sink.asked.wait(5)
    before = monotonic()
    sender.close(0.2)
    assert monotonic() - before < 5
    sink.go.set()


def test_what_comes_after_the_end_is_dropped() -> None:
    sender = Sender(Kept())
    sender.close()
    assert grown(lambda: sender.put(record()), DROPPED, reason="closed") == 1


def test_refused_records_are_counted_and_not_sent_again() -> None:
    class Refusing(Kept):
        def send(self, records: object) -> Receipt:
            super().send([])
            return Receipt(1, duplicates=1, rejected=2, why="no such rollout")

    sink = Refusing()
    sender = Sender(sink)

    def run() -> None:
        sender.put(record())
        sender.close()

    assert grown(run, RECORDS, result="rejected") == 2
    assert len(sink.batches) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_sends_its_own_records_and_no_others() -> None:
    sink = Stuck()
    sender = Sender(sink, pause=0)
    sender.put(record(1))
    assert sink.asked.wait(5)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        own = Kept()
        sender._sink = own
        sender.put(record(2))
        sender.close()
        os.write(writing, ",".join(one.request for one in own.records).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"request-2"
    sink.go.set()
    sender.close(0.1)
