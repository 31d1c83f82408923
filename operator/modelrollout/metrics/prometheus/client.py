"""Prometheus' HTTP API: queries in, typed series out, and every failure as one of three exceptions."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase

from modelrollout.api.text import plain
from modelrollout.metrics.counting.series import HistogramSeries, Series, Unreadable
from modelrollout.metrics.prometheus.answers import MakesNoSense, parse_histograms, parse_labels, parse_matrix
from modelrollout.metrics.prometheus.budget import BudgetSpent, current_budget
from modelrollout.metrics.prometheus.credentials import CredentialsUnusable
from modelrollout.metrics.prometheus.transport import AnswerTooLong, BoundedSession

Answer = TypeVar("Answer")

MOST_SERIES = 10_000
"""Of one answer."""

MOST_BYTES = 16 * 1024 * 1024
"""Of one answer."""

_LONGEST_MESSAGE = 400

# PromQL's own remarks on a query. Any other warning means that a part of the data could not be read.
_REMARKS = ("PromQL info", "PromQL warning")
# What every series of an answer begins with. Within a JSON string the quotes would be escaped.
_SERIES = b'"metric":'
_TRUNCATED = "results truncated due to limit"


class SourceFailure(Exception):
    """Prometheus could not be reached or could not answer; the message is one line for a person."""


class SourceTooSlow(SourceFailure):
    """There was no answer to a query in time, which may be the query's fault as well as the source's."""


class QueryRefused(Exception):
    """Prometheus cannot carry out a query as it is written; the message is Prometheus' own."""


class AnswerTooLarge(Unreadable):
    """The answer to a query has more series, or more bytes, than the operator reads."""


class TooManySeries(AnswerTooLarge):
    """The answer has too many series, however short a time it is about."""


class PrometheusClient:
    """Synchronous; safe to use from several threads. Times are in ms since the epoch.

    Methods raise SourceFailure, QueryRefused and AnswerTooLarge, and Unreadable if the answer holds no numbers; nothing
    else, whatever is answered. No message holds a credential. Requests take from the budget that they are made within.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        verify: bool | str = True,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
        certificate: tuple[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """url: where the API is, up to and without /api/v1. timeout: seconds for connecting, and for an answer.

        verify: whether the certificate is checked, or the path of a CA bundle to check it with.
        headers: added to every request, for example X-Scope-OrgID.
        certificate: paths of the client's certificate and of its key, for mutual TLS.
        most_bytes: of one answer.
        Raises ValueError if url is not an http or https URL.
        """
        self._name = f"Prometheus at {_address(url)}"
        self._skew = 0.0
        self._timeout = timeout
        self._session = BoundedSession(most_bytes, self._check)
        self._session.verify = verify
        self._session.cert = certificate
        url = url.rstrip("/")
        self._connect = PrometheusConnect(
            url, headers=dict(headers or {}), auth=auth, session=self._session, timeout=timeout
        )
        self._session.mount_bounded(url)

    def close(self) -> None:
        """Close the connections."""
        self._connect.close()

    def of(self, _: str) -> "PrometheusClient":
        """The client for a namespace, as `Clients` have it: this one for all."""
        return self

    @property
    def skew(self) -> float:
        """By how many seconds Prometheus' clock was ahead of this one at the last answer; 0 if they may agree.

        Answers tell the time in whole seconds, so the clocks are apart by at least so much.
        """
        return self._skew

    def raw(self, selector: str, start: int, end: int) -> list[Series]:
        """The samples as they were recorded after `start` and up to `end`."""
        return self._ask(lambda: parse_matrix(self._recorded(selector, start, end)))

    def raw_histograms(self, selector: str, start: int, end: int) -> list[HistogramSeries]:
        """The native histograms as they were recorded after `start` and up to `end`."""
        return self._ask(lambda: parse_histograms(self._recorded(selector, start, end)))

    def labels(self, expression: str, at: int) -> list[Mapping[str, str]]:
        """The labels of the series that an expression gives at one moment."""
        parameters = self._parameters(time=_seconds(at))
        return self._ask(lambda: parse_labels(self._connect.custom_query(expression, parameters)))

    def evaluate(
        self, expression: str, start: int, end: int, step: int, most_series: int = MOST_SERIES
    ) -> list[Series]:
        """The values of an expression at `start`, every `step` ms after it, and no later than `end`."""
        # The client rounds the moments that it is given as datetimes to seconds.
        exact = self._parameters(most_series, start=_seconds(start), end=_seconds(end))
        first, last = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (start, end))
        return self._ask(
            lambda: parse_matrix(self._connect.custom_query_range(expression, first, last, _seconds(step), exact)),
            most_series,
        )

    def _recorded(self, selector: str, start: int, end: int) -> Any:
        query, parameters = f"{selector}[{end - start}ms]", self._parameters(time=_seconds(end))
        return self._connect.custom_query(query, parameters)

    def _parameters(self, most_series: int = MOST_SERIES, **parameters: str) -> dict[str, str]:
        # Servers that do not know the limit ignore it.
        return {"timeout": f"{round(self._timeout * 1000)}ms", "limit": str(most_series), **parameters}

    def _ask(self, question: Callable[[], list[Answer]], most_series: int = MOST_SERIES) -> list[Answer]:
        with _giving_back_what_is_too_large():
            answer = self._typed(question)
            if len(answer) > most_series:
                raise _too_many(most_series)
            return answer

    def _typed(self, question: Callable[[], list[Answer]]) -> list[Answer]:
        try:
            return question()
        except requests.Timeout:
            raise SourceTooSlow(f"{self._name} did not answer within {self._timeout:g} s") from None
        except requests.exceptions.JSONDecodeError:
            raise SourceFailure(f"{self._name} did not answer in JSON: is it the address of a Prometheus?") from None
        except (AnswerTooLong, BudgetSpent):
            raise AnswerTooLarge(f"{self._name} has a longer answer than the operator reads") from None
        except CredentialsUnusable as reason:
            raise SourceFailure(f"{self._name} cannot be asked: the file {reason}") from None
        except (requests.RequestException, OSError) as error:
            raise SourceFailure(f"{self._name} cannot be reached: {_reason(error)}") from None
        except (MakesNoSense, LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
            raise SourceFailure(f"{self._name} gave an answer that makes no sense") from None

    def _check(self, response: requests.Response) -> None:
        """Raise for an error, which the library would give as text, and for gaps, which it would hide."""
        self._skew = _skew(response)
        complete = response.status_code == requests.codes.ok
        # Before it is parsed, which takes many times the room and time.
        if response.content.count(_SERIES) > MOST_SERIES:
            raise _too_many(MOST_SERIES)
        if complete and b'"warnings"' not in response.content:
            return
        body = _json_object(response)
        error_type, error = body.get("errorType"), plain(str(body.get("error") or ""), _LONGEST_MESSAGE)
        if error_type in ("bad_data", "execution"):
            raise QueryRefused(error)
        if not complete:
            failure = SourceTooSlow if error_type == "timeout" else SourceFailure
            status = plain(f"{response.status_code} {response.reason or ''}", 60)
            raise failure(f"{self._name} answers {status}" + (f": {error}" if error else ""))
        self._check_warnings(body.get("warnings"))

    def _check_warnings(self, warnings: object) -> None:
        texts = [str(warning) for warning in warnings] if isinstance(warnings, list) else []
        if _TRUNCATED in texts:
            raise _too_many(MOST_SERIES)
        if gaps := [text for text in texts if not text.startswith(_REMARKS)]:
            raise SourceFailure(f"{self._name} answers only in part: {plain('; '.join(gaps), _LONGEST_MESSAGE)}")


@contextmanager
def _giving_back_what_is_too_large() -> Iterator[None]:
    budget = current_budget()
    held = budget.spent if budget else 0
    try:
        yield
    except AnswerTooLarge:
        if budget:
            budget.let_go(held)
        raise


def _address(url: str) -> str:
    """Host and port of a URL, which may hold credentials otherwise. Raises ValueError if it is not http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "the address of Prometheus must be an http or https URL like http://prometheus.monitoring:9090"
        )
    host = plain(parts.hostname, 253)
    return f"{host}:{port}" if port else host


def _json_object(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _skew(response: requests.Response) -> float:
    """By how much the clock of an answer is surely ahead of this one, in seconds."""
    try:
        told = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return 0.0
    # It was some moment of that second, and some moment between the request and the answer.
    received = time.time()
    earliest, latest = told - received, told + 1 - (received - response.elapsed.total_seconds())
    return max(0.0, earliest) + min(0.0, latest)


def _too_many(most_series: int) -> TooManySeries:
    return TooManySeries(f"the answer has more than {most_series} series")


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _reason(error: BaseException) -> str:
    """What the system said, without the layers of libraries around it, which quote whatever they were given."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {plain(error.verify_message, _LONGEST_MESSAGE)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {plain((error.reason or '').replace('_', ' ').lower())}".rstrip(": ")
    if isinstance(error, OSError) and error.strerror:
        return plain(error.strerror)
    return "the connection ended, or what is there does not speak HTTP"
