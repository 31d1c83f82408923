"""How much the service takes: `python -m tests.outcomes.bench [SECONDS]`, on a real PostgreSQL, beside a plain COPY."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg

from tests.outcomes.postgres import PostgresServer
from tests.outcomes.test_durability import Process

RATE = 2000
BATCH = 500
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Send predictions and truths at RATE each for some seconds, and print what that took."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    folder = Path(tempfile.mkdtemp(prefix="outcomes-bench-"))
    server = PostgresServer(folder)
    server.start()
    process = Process(server.url)
    process.start()
    try:
        _run(process, server, seconds)
    finally:
        process.kill()
        server.stop()
        shutil.rmtree(folder)


def _run(process: Process, server: PostgresServer, seconds: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=30) as client:
        _wait(client)
        pid = process.process.pid
        memory = [_resident_mebibytes(pid)]
        begin, used = time.monotonic(), _processor_seconds(pid)
        slowest = 0.0
        for number in range(seconds * RATE // BATCH):
            time.sleep(max(0.0, begin + number * BATCH / RATE - time.monotonic()))
            sent = time.monotonic()
            _send(client, number)
            slowest = max(slowest, time.monotonic() - sent)
            if number % (RATE // BATCH * 10) == 0:
                memory.append(_resident_mebibytes(pid))
        took = time.monotonic() - begin
        used = _processor_seconds(pid) - used
    rows = seconds * RATE
    print(f"{rows} predictions and {rows} truths in {took:.1f} s: {rows / took:.0f} of each per second")
    print(f"the service used {used / took:.0%} of a core; slowest pair of batches of {BATCH}: {slowest:.2f} s")
    print(f"memory in MiB, every 10 s: {' '.join(f'{each:.0f}' for each in memory)}")
    print(f"plain COPY of as many rows into a table with the same columns: {_copy(server, rows):.0f} rows per second")


def _send(client: httpx.Client, number: int) -> None:
    named = {"namespace": "ml", "rollout": "digits"}
    requests = [f"{number:08x}-{each:04x}-4000-8000-000000000000" for each in range(BATCH)]
    more = {"version": "v1", "prediction": 7, "confidence": 0.93, "segments": {"country": "de"}, "latency": 0.012}
    items = [{**named, **more, "request": each, "at": time.time()} for each in requests]
    client.post("/v1/predictions", json={"predictions": items}).raise_for_status()
    truths = [{**named, "request": each, "truth": 7} for each in requests]
    client.post("/v1/truths", json={"truths": truths}).raise_for_status()


def _copy(server: PostgresServer, rows: int) -> float:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE copied (LIKE predictions INCLUDING ALL)")
        columns = "rollout, request, cohort, day, at, prediction, confidence, segments, endpoint, latency, shadow"
        begin = time.monotonic()
        with connection.cursor().copy(f"COPY copied ({columns}) FROM STDIN") as copy:
            for number in range(rows):
                copy.write_row(
                    (1, f"{number:036x}", 1, 20000, time.time(), "7", 0.93, '["country=de"]', "", 0.012, False)
                )
        connection.commit()
        return rows / (time.monotonic() - begin)


def _wait(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the service does not answer")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident_mebibytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


if __name__ == "__main__":
    main()
