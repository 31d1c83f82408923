"""Prometheus' HTTP API: queries in, typed series out, and every failure as one of two exceptions."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from modelrollout.metrics.counting.series import HistogramSeries, Series
from modelrollout.metrics.prometheus.answers import parse_histograms, parse_matrix

Answer = TypeVar("Answer")

# PromQL's own remarks on a query. Any other warning means that a part of the data could not be read.
_REMARKS = ("PromQL info", "PromQL warning")


class SourceFailure(Exception):
    """Prometheus could not be reached or could not answer; the message is one line for a person."""


class QueryRefused(Exception):
    """Prometheus cannot carry out a query as it is written; the message is Prometheus' own."""


class BearerTokenFile(AuthBase):
    """Authenticates with a token from a file, read anew for every request because tokens of service accounts rotate."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._path.read_text().strip()}"
        return request


class PrometheusClient:
    """Synchronous; safe to use from several threads. Times are in ms since the epoch.

    Methods raise SourceFailure and QueryRefused, and Unreadable if the answer holds no numbers.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        verify: bool | str = True,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """url: where the API is, up to and without /api/v1. timeout: seconds for connecting, and for an answer.

        verify: whether the certificate is checked, or the path of a CA bundle to check it with.
        headers: added to every request, for example X-Scope-OrgID.
        Raises ValueError if url is not an http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the address of Prometheus must be an http or https URL, got {url!r}")
        self._name = f"Prometheus at {parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.verify = verify
        self._session.hooks["response"].append(self._check)
        self._connect = PrometheusConnect(
            url.rstrip("/"),
            headers=dict(headers or {}),
            auth=auth,
            session=self._session,
            timeout=timeout,
            # The next look asks again anyway. Waiting here would only delay the word that the source is down.
            retry=Retry(total=0, read=False),
        )

    def close(self) -> None:
        """Close the connections."""
        self._connect.close()

    def time(self) -> float:
        """The time on Prometheus' clock, in seconds since the epoch."""
        return float(self._ask(lambda: self._connect.custom_query("time()", self._parameters())[1]))

    def raw(self, selector: str, start: int, end: int) -> list[Series]:
        """The samples as they were recorded after `start` and up to `end`."""
        return self._ask(lambda: parse_matrix(self._recorded(selector, start, end)))

    def raw_histograms(self, selector: str, start: int, end: int) -> list[HistogramSeries]:
        """The native histograms as they were recorded after `start` and up to `end`."""
        return self._ask(lambda: parse_histograms(self._recorded(selector, start, end)))

    def labels(self, expression: str, at: int) -> list[Mapping[str, str]]:
        """The labels of the series that an expression gives at one moment."""
        parameters = self._parameters(time=_seconds(at))
        return self._ask(
            lambda: [dict(entry["metric"]) for entry in self._connect.custom_query(expression, parameters)]
        )

    def evaluate(self, expression: str, start: int, end: int, step: int) -> list[Series]:
        """The values of an expression at `start`, every `step` ms after it, and no later than `end`."""
        # The client rounds the moments that it is given as datetimes to seconds.
        exact = self._parameters(start=_seconds(start), end=_seconds(end))
        first, last = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (start, end))
        return self._ask(
            lambda: parse_matrix(self._connect.custom_query_range(expression, first, last, _seconds(step), exact))
        )

    def _recorded(self, selector: str, start: int, end: int) -> list[Mapping[str, Any]]:
        query, parameters = f"{selector}[{end - start}ms]", self._parameters(time=_seconds(end))
        return list(self._connect.custom_query(query, parameters))

    def _parameters(self, **parameters: str) -> dict[str, str]:
        return {"timeout": f"{round(self._timeout * 1000)}ms", **parameters}

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except requests.Timeout:
            raise SourceFailure(f"{self._name} did not answer within {self._timeout:g} s") from None
        except requests.exceptions.JSONDecodeError:
            raise SourceFailure(f"{self._name} did not answer in JSON: is it the address of a Prometheus?") from None
        except (requests.RequestException, OSError) as error:
            raise SourceFailure(f"{self._name} cannot be reached: {_reason(error)}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise SourceFailure(f"{self._name} gave an answer that makes no sense: {error!r}") from error

    def _check(self, response: requests.Response, **_: Any) -> None:
        """Raise for an error, which the library would give as text, and for gaps, which it would hide."""
        if response.is_redirect or (response.ok and b'"warnings"' not in response.content):
            return
        body = _json_object(response)
        error_type, error = body.get("errorType"), str(body.get("error", ""))
        if error_type in ("bad_data", "execution"):
            raise QueryRefused(error)
        if not response.ok:
            status = f"{response.status_code} {response.reason or ''}".strip()
            raise SourceFailure(f"{self._name} answers {status}" + (f": {error}" if error else ""))
        gaps = [warning for warning in body.get("warnings") or () if not str(warning).startswith(_REMARKS)]
        if gaps:
            raise SourceFailure(f"{self._name} answers only in part: {'; '.join(map(str, gaps))}")


def _json_object(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _reason(error: BaseException) -> str:
    """What the system said, without the layers of libraries around it."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__
