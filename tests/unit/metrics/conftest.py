import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from tests.unit.metrics.failing import Answering


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """In the place of Prometheus; what it answers says `answer`."""
    handler = type("Handler", (Answering,), {"queries": [], "authorizations": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
