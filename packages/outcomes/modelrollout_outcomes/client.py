"""A typed client of the service."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from modelrollout_outcomes.errors import OutcomesError
from modelrollout_outcomes.records import Prediction, PredictionsAnswer, Truth, TruthAnswer, TruthsAnswer

BATCH = 1000
"""Items of one request."""

_Item = TypeVar("_Item")
_AGAIN = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 30.0


class OutcomesClient:
    """Sends predictions and truths, as often as it takes: what the service is told twice, it counts once.

    `patience` is for how many seconds a request is tried again while the service is busy or away.
    """

    def __init__(self, url: str, token: str = "", patience: float = 60.0, transport: httpx.BaseTransport | None = None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=30.0, transport=transport)
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def send_predictions(self, predictions: Iterable[Prediction]) -> PredictionsAnswer:
        """Send predictions. Raises OutcomesError if the service cannot be reached or refuses the whole request."""
        answer = PredictionsAnswer()
        for start, batch in _batches(predictions):
            body = {"predictions": [each.model_dump(mode="json") for each in batch]}
            part = PredictionsAnswer.model_validate(self._call("POST", "/v1/predictions", json=body))
            answer.accepted += part.accepted
            answer.duplicates += part.duplicates
            answer.rejected += [each.model_copy(update={"index": start + each.index}) for each in part.rejected]
        return answer

    def send_truths(self, truths: Iterable[Truth]) -> Iterator[TruthAnswer]:
        """Send truths, and yield an answer to each in their order. Raises OutcomesError likewise."""
        for _, batch in _batches(truths):
            body = {"truths": [each.model_dump(mode="json", exclude_none=True) for each in batch]}
            yield from TruthsAnswer.model_validate(self._call("POST", "/v1/truths", json=body)).truths

    def want_maturities(self, namespace: str, rollout: str, maturities: Sequence[str]) -> None:
        """Have a rollout counted at maturities like `24h` too. Raises OutcomesError likewise."""
        self._answer("PUT", f"/v1/rollouts/{namespace}/{rollout}/maturities", json={"maturities": list(maturities)})

    def forget(self, namespace: str, rollout: str, key: str) -> int:
        """Remove every prediction with a key. Returns how many there were. Raises OutcomesError likewise."""
        answer = self._call("DELETE", f"/v1/rollouts/{namespace}/{rollout}/keys/{quote(key, safe='')}")
        return int(answer["predictions"])

    def status(self, namespace: str, rollout: str) -> list[dict[str, Any]]:
        """What has been counted, by maturity (`maturity`, in seconds) and `version`: `right`, `wrong`, `unlabelled`."""
        answer: list[dict[str, Any]] = self._call("GET", f"/v1/rollouts/{namespace}/{rollout}/status")
        return answer

    def export(self, namespace: str, rollout: str) -> Iterator[str]:
        """Every prediction that has a truth, as lines of JSON. Raises OutcomesError likewise."""
        try:
            with self._http.stream("GET", f"/v1/rollouts/{namespace}/{rollout}/export") as answer:
                if not answer.is_success:
                    answer.read()
                    raise OutcomesError(f"{self._http.base_url} answers {answer.status_code}: {_detail(answer)}")
                yield from answer.iter_lines()
        except httpx.TransportError as error:
            raise OutcomesError(f"{self._http.base_url} cannot be reached: {error}") from error

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return self._answer(method, path, **arguments).json()

    def _answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        deadline = time.monotonic() + self._patience
        wait = 0.1
        while True:
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                problem = f"{self._http.base_url} cannot be reached: {error}"
            else:
                if answer.is_success:
                    return answer
                problem = f"{self._http.base_url} answers {answer.status_code}: {_detail(answer)}"
                if answer.status_code not in _AGAIN:
                    raise OutcomesError(problem)
                wait = max(wait, _retry_after(answer.headers))
            if time.monotonic() + wait > deadline:
                raise OutcomesError(problem)
            # Not all callers that a busy service has turned away at once.
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, _LONGEST_WAIT)


def _batches(items: Iterable[_Item]) -> Iterator[tuple[int, Sequence[_Item]]]:
    iterator, start = iter(items), 0
    while batch := list(islice(iterator, BATCH)):
        yield start, batch
        start += len(batch)


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "")
    return min(float(text), _LONGEST_WAIT) if text.isdigit() else 0.0


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
