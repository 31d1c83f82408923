"""What to ask Prometheus for, in PromQL."""

import json
import re

from modelrollout.metrics.bentoml import DURATION_BUCKETS, DURATIONS, ENDPOINT, OWN_ENDPOINTS, REQUESTS
from modelrollout.metrics.counting.scrapes import SCRAPE_DURATION, UP
from modelrollout.metrics.source import Arms

# Where a scrape target has a label `endpoint` itself (a PodMonitor gives it the name of the port), Prometheus renames
# the one of BentoML.
_ENDPOINT_LABELS = (ENDPOINT, f"exported_{ENDPOINT}")

_CLASSIC_NAME = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")
# The name in a selector like {"http.server.requests", code="500"}.
_QUOTED_NAME = re.compile(r'\{ *"((?:[^"\\]|\\.)+)" *,?')


def scrape_clock(arms: Arms) -> str:
    """When the pods of both arms were scraped, with what success, and how long it took."""
    return _selector(_matcher("__name__", "=~", f"{UP}|{SCRAPE_DURATION}"), *_pods_of(arms))


def requests(arms: Arms, endpoints: str | None) -> tuple[str, ...]:
    """Selectors that together give the counters of answered requests, each series once.

    endpoints: regular expression of the endpoints that count; all but BentoML's own if None.
    """
    return _of_family(REQUESTS, arms, endpoints)


def duration_buckets(arms: Arms, endpoints: str | None) -> tuple[str, ...]:
    """Selectors that together give the buckets of the request durations, each series once."""
    return _of_family(DURATION_BUCKETS, arms, endpoints)


def native_durations(arms: Arms, endpoints: str | None) -> tuple[str, ...]:
    """Selectors that together give the request durations as native histograms, each series once."""
    return _of_family(DURATIONS, arms, endpoints)


def counter(arms: Arms, selector: str) -> tuple[str, ...]:
    """A counter of the user's, by a selector that says nothing of pods."""
    quoted = _QUOTED_NAME.match(selector)
    own = selector[quoted.end() :] if quoted else selector.partition("{")[2]
    matchers = own.rpartition("}")[0].strip(" ,")
    return (_selector(*_pods_of(arms), *filter(None, [matchers]), family=family_of(selector)),)


def family_of(selector: str) -> str:
    """Name of the metric that a selector of the user's selects from."""
    quoted = _QUOTED_NAME.match(selector)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else selector.partition("{")[0]


def exposing_pods(arms: Arms, family: str, within: int) -> str:
    """One series for every pod that exposed anything of a metric family in the last `within` ms, whatever endpoint.

    family: name of a counter, or of a histogram, native or classic, without suffix.
    """
    name = re.escape(family)
    selector = _selector(_matcher("__name__", "=~", f"{name}|{name}_bucket"), *_pods_of(arms))
    return f"group by (pod) (last_over_time({selector}[{within}ms]))"


def _of_family(family: str, arms: Arms, endpoints: str | None, *matchers: str) -> tuple[str, ...]:
    return tuple(
        _selector(*_pods_of(arms), *matchers, *of_endpoints, family=family)
        for of_endpoints in _endpoint_matchers(endpoints)
    )


def _endpoint_matchers(endpoints: str | None) -> tuple[tuple[str, ...], ...]:
    endpoint, exported = _ENDPOINT_LABELS
    if endpoints is None:
        return (tuple(_matcher(label, "!~", OWN_ENDPOINTS) for label in _ENDPOINT_LABELS),)
    return (
        (_matcher(exported, "=", ""), _matcher(endpoint, "=~", endpoints)),
        (_matcher(exported, "!=", ""), _matcher(exported, "=~", endpoints)),
    )


def _pods_of(arms: Arms) -> tuple[str, str]:
    pods = "|".join(map(arms.pods, arms.present))
    return _matcher("namespace", "=", arms.namespace), _matcher("pod", "=~", pods)


def _selector(*matchers: str, family: str = "") -> str:
    if family and not _CLASSIC_NAME.fullmatch(family):
        family, matchers = "", (_quoted(family), *matchers)
    return f"{family}{{{','.join(matchers)}}}"


def _matcher(label: str, operator: str, value: str) -> str:
    return f"{label}{operator}{_quoted(value)}"


def _quoted(text: str) -> str:
    # JSON's escapes are a subset of Go's, which PromQL uses.
    return json.dumps(text, ensure_ascii=False)
