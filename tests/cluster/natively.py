"""A pod with a native histogram, which only the protobuf exposition format can carry."""

import struct
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

NAME = "bentoml_service_request_duration_seconds"
_FORMAT = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4
# Without one Prometheus cannot tell a native histogram without observations from a classic one.
_ZERO_THRESHOLD = 2.0**-128


class NativePod:
    """An endpoint with a native histogram of request durations, whose schema drops by itself.

    buckets: the most that it may have. It takes a coarser schema when the durations span more.
    """

    def __init__(self, name: str, buckets: int) -> None:
        self.name = name
        self._reader = InMemoryMetricReader()
        aggregation = ExponentialBucketHistogramAggregation(max_size=buckets, max_scale=8)
        provider = MeterProvider([self._reader], views=[View(instrument_name=NAME, aggregation=aggregation)])
        self._durations = provider.get_meter(__name__).create_histogram(NAME)
        self.answer(1, seconds=0.2, endpoint="/readyz")
        pod = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", _FORMAT)
                self.end_headers()
                self.wfile.write(pod.exposition())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, times: int, *, seconds: float, endpoint: str = "/predict") -> None:
        for _ in range(times):
            self._durations.record(seconds, {"endpoint": endpoint, "http_response_code": "200"})

    def schema(self) -> int:
        """That of the answers of the model."""
        (point,) = (point for point in self._points() if (point.attributes or {})["endpoint"] == "/predict")
        return point.scale

    def exposition(self) -> bytes:
        """A length and a MetricFamily; see io/prometheus/client/metrics.proto of prometheus/client_model."""
        metrics = (_message(4, *_labels(point), _message(7, *_histogram(point))) for point in self._points())
        family = b"".join([_message(1, NAME.encode()), _number(3, _HISTOGRAM), *metrics])
        return _varint(len(family)) + family

    def _points(self) -> list[ExponentialHistogramDataPoint]:
        data = self._reader.get_metrics_data()
        assert data
        (resource,) = data.resource_metrics
        points = resource.scope_metrics[0].metrics[0].data.data_points
        return [point for point in points if isinstance(point, ExponentialHistogramDataPoint)]


def _labels(point: ExponentialHistogramDataPoint) -> Iterable[bytes]:
    for name, value in (point.attributes or {}).items():
        yield _message(1, _message(1, name.encode()), _message(2, str(value).encode()))


def _histogram(point: ExponentialHistogramDataPoint) -> Iterable[bytes]:
    counts = point.positive.bucket_counts
    yield _number(1, point.count)
    yield _double(2, point.sum)
    yield _number(5, _signed(point.scale))
    yield _double(6, _ZERO_THRESHOLD)
    yield _number(7, point.zero_count)
    # OpenTelemetry numbers buckets by their lower ends, Prometheus by their upper ones.
    yield _message(12, _number(1, _signed(point.positive.offset + 1)), _number(2, len(counts)))
    for count, before in zip(counts, [0, *counts], strict=False):
        yield _number(13, _signed(count - before))


def _message(field: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _signed(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
