"""What the operator should have counted, from the samples that Prometheus recorded and nothing of the operator's."""

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any


def requests_counted(prometheus_url: str, namespace: str, pods: str, interval: int, after: int, through: int) -> int:
    """Requests that pods answered from scrape window `after` on until `through`.

    pods: regular expression. interval: of the scrapes, in seconds. Windows are numbered by unix time over interval; of
    every pod the first scrape that was finished in a window stands for it, and the first one of all is only a start.
    """
    start, end = (after - 24) * interval, (through + 1) * interval
    ups = _raw(prometheus_url, f'up{{namespace="{namespace}",pod=~"{pods}"}}', start, end)
    took = _raw(prometheus_url, f'scrape_duration_seconds{{namespace="{namespace}",pod=~"{pods}"}}', start, end)
    served = _raw(
        prometheus_url,
        f'bentoml_service_request_total{{namespace="{namespace}",pod=~"{pods}",endpoint="/predict"}}',
        start,
        end,
    )
    total = 0
    for pod, (up,) in ups.items():
        standing = _first_scrapes(up, took[pod][0], interval)
        before = [window for window in standing if window <= after]
        counted = [window for window in standing if after < window <= through]
        if not counted:
            # A pod of an earlier rollout of the same version.
            continue
        base = standing[max(before)] if before else standing[min(counted)]
        last = standing[max(counted)]
        total += sum(round(series.get(last, 0) - series.get(base, 0)) for series in served[pod])
    return total


def _first_scrapes(up: Mapping[float, float], took: Mapping[float, float], interval: int) -> dict[int, float]:
    """The time of the scrape that stands for each window."""
    standing: dict[int, float] = {}
    for time in sorted(time for time, value in up.items() if value == 1):
        standing.setdefault(int((time + took.get(time, 0)) // interval), time)
    return standing


def _raw(prometheus_url: str, selector: str, start: float, end: float) -> dict[str, list[dict[float, float]]]:
    """The recorded samples of every series by the pod that it is about."""
    query = urllib.parse.urlencode({"query": f"{selector}[{round(end - start)}s]", "time": end})
    with urllib.request.urlopen(f"{prometheus_url}/api/v1/query?{query}", timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    by_pod: dict[str, list[dict[float, float]]] = {}
    for series in answer["data"]["result"]:
        samples = {float(time): float(value) for time, value in series["values"]}
        by_pod.setdefault(series["metric"]["pod"], []).append(samples)
    return by_pod
