"""To the outcomes service, over HTTP."""

import json
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time

import httpx

from modelrollout_serving.record import Record, encode_all
from modelrollout_serving.sinks.sink import Receipt, Unavailable

MOST_FAULTS = 8
"""After so many faults of the service in turn, which may be due to what it was sent, a batch is given up."""

_LATER = (429, 502, 503, 504)
_TIMEOUT = httpx.Timeout(10, connect=3)
_MOST_SECONDS = 300.0


class OutcomesService:
    """Posts batches to `URL/v1/predictions`.

    token_file: of a projected service account token, which the kubelet renews, read for every batch. token: one that
    stays the same, instead. transport: for tests.
    """

    def __init__(
        self,
        url: str,
        token_file: Path | None = None,
        token: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/predictions"
        self._token_file = token_file
        self._token = token
        self._faults = 0
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport)

    def send(self, records: Sequence[Record]) -> Receipt:
        """Deliver a batch; one that is too large for the service goes in halves. Raises Unavailable."""
        answer = self._post(b'{"predictions":[%b]}' % b",".join(encode_all(records)))
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(records) > 1:
            middle = len(records) // 2
            return _both(self.send(records[:middle]), self.send(records[middle:]))
        if answer.status_code in _LATER or (answer.is_server_error and not self._is_one_too_many()):
            raise Unavailable(f"{self._url} answers {answer.status_code}", _retry_after(answer))
        self._faults = 0
        if not answer.is_success:
            why = f"{self._url} answers {answer.status_code}: {answer.text[:200]}"
            return Receipt(0, rejected=len(records), why=why)
        return self._receipt(answer)

    def close(self) -> None:
        self._client.close()

    def _post(self, body: bytes) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        try:
            if token := self._current_token():
                headers["Authorization"] = f"Bearer {token}"
            return self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(f"{self._url}: {error or type(error).__name__}") from error

    def _is_one_too_many(self) -> bool:
        self._faults += 1
        return self._faults >= MOST_FAULTS

    def _current_token(self) -> str:
        return self._token_file.read_text().strip() if self._token_file else self._token

    def _receipt(self, answer: httpx.Response) -> Receipt:
        try:
            said = answer.json()
            rejected = said["rejected"]
            why = str(rejected[0]["reason"]) if rejected else ""
            return Receipt(int(said["accepted"]), int(said["duplicates"]), len(rejected), why)
        except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"{self._url} does not answer like the outcomes service") from error


def _both(first: Receipt, second: Receipt) -> Receipt:
    return Receipt(
        first.accepted + second.accepted,
        first.duplicates + second.duplicates,
        first.rejected + second.rejected,
        first.why or second.why,
    )


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait, in either form of RFC 9110, section 10.2.3; at most five minutes."""
    said = answer.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return min(float(said), _MOST_SECONDS)
    with suppress(ValueError):
        return min(max(parsedate_to_datetime(said).timestamp() - time(), 0.0), _MOST_SECONDS)
    return None
