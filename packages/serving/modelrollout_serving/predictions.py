"""What a service imports."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, SupportsFloat, TypeVar
from uuid import uuid4

import bentoml

from modelrollout_serving.capture import Capture
from modelrollout_serving.complaints import complain
from modelrollout_serving.identity import Identity, identity
from modelrollout_serving.metrics import MOST_VALUES, OTHER, EndpointMetrics, FeatureMetrics, count_dropped
from modelrollout_serving.record import Record, plain_confidence, plain_prediction, plain_text
from modelrollout_serving.reference import Reference
from modelrollout_serving.requests import CURRENT, Request, RequestMiddleware
from modelrollout_serving.sender import Sender
from modelrollout_serving.settings import sink_of
from modelrollout_serving.sinks.sink import Sink

_MOST_SEGMENTS = 10


class Service(Protocol):
    """What is needed of a BentoML service."""

    @property
    def apis(self) -> Mapping[str, Any]: ...

    @property
    def models(self) -> Collection[Any]: ...

    @property
    def path_prefix(self) -> str | None: ...

    def add_asgi_middleware(self, middleware_cls: Any, **options: Any) -> None: ...


S = TypeVar("S", bound=Service)


class Predictions:
    """Records and counts the predictions of a service. One for the process, at the top of the module.

    unsure_below: confidence below which a prediction counts as unsure.
    boundaries: between the ranges by which numbers are counted, ascending. Without them whole numbers are classes.
    capture: which inputs are kept.
    sink: where records go; what the environment names if None.
    room: records that may wait for the sink.
    """

    def __init__(
        self,
        *,
        unsure_below: float = 0.0,
        boundaries: Sequence[float] = (),
        capture: Capture = Capture(),  # noqa: B008 (frozen)
        sink: Sink | None = None,
        room: int = 20_000,
    ) -> None:
        self._unsure_below = unsure_below
        self._boundaries = tuple(sorted(boundaries))
        self._capture = capture
        self._sink = sink
        self._room = room
        self._features: FeatureMetrics | None = None
        self._endpoints: dict[str, EndpointMetrics] = {}

    def watch(self, service: S) -> S:
        """Let a service's predictions be known by their requests; a decorator above `@bentoml.service`.

        The id of the request is in each answer's header `x-request-id`. The references of the service's models are
        loaded when it starts; what waits is sent before it ends.
        """
        prefix = f"/{(service.path_prefix or '').strip('/')}".rstrip("/")
        batched = {f"{prefix}{method.route}" for method in service.apis.values() if method.batchable}
        service.add_asgi_middleware(
            RequestMiddleware,
            deliver=self._deliver,
            batched=frozenset(batched),
            started=lambda: self._load_references(service),
            ended=self.close,
        )
        return service

    def record(
        self,
        prediction: object,
        confidence: SupportsFloat | None = None,
        *,
        features: Mapping[str, object] | Sequence[object] | None = None,
        segments: Mapping[str, str] | None = None,
        key: str | None = None,
        input: object = None,
    ) -> str:
        """Count a prediction and have it recorded. Never waits, never raises. Returns the id by which it is known.

        prediction: name of a class, or a number. confidence: 0..1.
        features: the input, by names or as a row of the training data; counted by the model's reference.
        segments: labels of the request by which outcomes are told apart, at most 10. Few values each.
        key: your own id of what is predicted, if the truth will not know the request's.
        input: kept if `capture` asks for it. Must not be changed afterwards.
        """
        request = CURRENT.get()
        known_as = request.next_id() if request else str(uuid4())
        try:
            sure = plain_confidence(confidence)
            plain = plain_prediction(prediction)
            self._count(request.endpoint if request else "", plain, sure, features)
            if self._sender is not None:
                record = self._record(request, known_as, plain, sure)
                if segments:
                    record.segments = _plain_segments(segments)
                if key is not None:
                    record.key = plain_text(key)
                if input is not None and self._capture.wants(known_as, sure, record.shadow):
                    record.input = input
                request.add(record) if request else self._deliver(record)
        except Exception as error:
            count_dropped("invalid")
            complain("invalid", "a prediction is not recorded: %s", error)
        return known_as

    def use(self, reference: Reference) -> None:
        """Count features by the buckets of this reference. `watch` does it for references in a model's metadata."""
        self._features = FeatureMetrics(reference)

    def close(self) -> None:
        """Send what waits, for at most 5 seconds. `watch` does it when the service ends."""
        if self._sender is not None:
            self._sender.close()

    @cached_property
    def _sender(self) -> Sender | None:
        sink = self._sink or sink_of(os.environ)
        return Sender(sink, self._room) if sink else None

    @cached_property
    def _identity(self) -> Identity:
        version = bentoml.server_context.bento_version
        found = identity("" if version == "not available" else version)
        if not found.known:
            complain("identity", "it is not known which version of which rollout this is: %s", found)
        return found

    def _deliver(self, record: Record) -> None:
        if self._sender is not None:
            self._sender.put(record)

    def _record(
        self, request: Request | None, known_as: str, prediction: str | float | None, confidence: float | None
    ) -> Record:
        if request is None:
            return Record(self._identity, known_as, "", time.time(), prediction, confidence)
        return Record(
            self._identity,
            known_as,
            request.endpoint,
            request.at,
            prediction,
            confidence,
            arm=request.arm,
            shadow=request.shadow,
        )

    def _count(
        self,
        endpoint: str,
        prediction: str | float | None,
        confidence: float | None,
        features: Mapping[str, object] | Sequence[object] | None,
    ) -> None:
        metrics = self._endpoints.get(endpoint)
        if metrics is None:
            known = endpoint if len(self._endpoints) < MOST_VALUES else OTHER
            metrics = EndpointMetrics(known, self._unsure_below, self._boundaries)
            if known == endpoint:
                self._endpoints[endpoint] = metrics
        metrics.count(prediction, confidence)
        if features is not None and self._features is not None:
            self._features.count(features)

    def _load_references(self, service: Service) -> None:
        for model in service.models:
            try:
                stored = getattr(model, "stored", None)
                found = Reference.of(stored.info.metadata) if stored else None
            except Exception as error:
                complain("reference", "the reference of %s cannot be read: %r", model, error)
                continue
            if found:
                self.use(found)


def _plain_segments(segments: Mapping[str, str]) -> dict[str, str]:
    if len(segments) > _MOST_SEGMENTS:
        raise ValueError(f"{len(segments)} segments; {_MOST_SEGMENTS} are recorded")
    return {plain_text(name): plain_text(value) for name, value in segments.items()}
