"""What to ask Prometheus for, in PromQL."""

import json
import re
from collections.abc import Mapping

from modelrollout.metrics.bentoml import OWN_ENDPOINTS
from modelrollout.metrics.counting.scrapes import SCRAPE_DURATION, UP
from modelrollout.metrics.request_metrics import BENTOML, Gateway, RequestMetrics
from modelrollout.metrics.source import Arms

_CLASSIC_NAME = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")
# The name in a selector like {"http.server.requests", code="500"}.
_QUOTED_NAME = re.compile(r'\{ *"((?:[^"\\]|\\.)+)" *,?')


def scrape_clock(arms: Arms) -> str:
    """When the pods of both arms were scraped, with what success, and how long it took."""
    return _selector(_matcher("__name__", "=~", f"{UP}|{SCRAPE_DURATION}"), *_pods_of(arms))


def requests(arms: Arms, endpoints: str | None, metrics: RequestMetrics = BENTOML) -> tuple[str, ...]:
    """Selectors that together give the counters of answered requests, each series once.

    endpoints: regular expression of the endpoints that count; all but BentoML's own if None.
    """
    return _of_family(metrics.requests, arms, endpoints, metrics)


def requests_at_gateway(gateway: Gateway, arms: Arms, metrics: RequestMetrics) -> tuple[str, ...]:
    """Selectors that together give a gateway's counters of requests to the Services of both arms."""
    backends = "|".join(gateway.backends(arms).values())
    counted = [_matcher(label, "=", value) for label, value in gateway.matchers]
    of_gateway = _matcher(gateway.label, "=~", backends)
    return (_selector(*_pods_of(gateway.arms(arms)), *counted, of_gateway, family=metrics.requests),)


def outcomes(arms: Arms, family: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Selectors that together give counters with these labels of the pods of a service."""
    return (
        _selector(*_pods_of(arms), *(_matcher(label, "=", value) for label, value in labels.items()), family=family),
    )


def duration_buckets(arms: Arms, endpoints: str | None, metrics: RequestMetrics = BENTOML) -> tuple[str, ...]:
    """Selectors that together give the buckets of the request durations, each series once."""
    return _of_family(f"{metrics.durations}_bucket", arms, endpoints, metrics)


def native_durations(arms: Arms, endpoints: str | None, metrics: RequestMetrics = BENTOML) -> tuple[str, ...]:
    """Selectors that together give the request durations as native histograms, each series once."""
    return _of_family(metrics.durations, arms, endpoints, metrics)


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


def _of_family(family: str, arms: Arms, endpoints: str | None, metrics: RequestMetrics) -> tuple[str, ...]:
    return tuple(
        _selector(*_pods_of(arms), *of_endpoints, family=family)
        for of_endpoints in _endpoint_matchers(endpoints, metrics.endpoint_label)
    )


def _endpoint_matchers(endpoints: str | None, endpoint: str) -> tuple[tuple[str, ...], ...]:
    # Where a scrape target has such a label itself (a PodMonitor gives it `endpoint`, the name of the port), Prometheus
    # renames the one of the pod.
    exported = f"exported_{endpoint}"
    if endpoints is None:
        return (tuple(_matcher(label, "!~", OWN_ENDPOINTS) for label in (endpoint, exported)),)
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
    return f"{label if _CLASSIC_NAME.fullmatch(label) else _quoted(label)}{operator}{_quoted(value)}"


def _quoted(text: str) -> str:
    # JSON's escapes are a subset of Go's, which PromQL uses.
    return json.dumps(text, ensure_ascii=False)
