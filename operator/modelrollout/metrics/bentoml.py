"""Names of the metrics and labels that BentoML services expose."""

PREFIX = "bentoml_"
REQUESTS = f"{PREFIX}service_request_total"
DURATIONS = f"{PREFIX}service_request_duration_seconds"
DURATION_BUCKETS = f"{DURATIONS}_bucket"

ENDPOINT = "endpoint"
STATUS_CODE = "http_response_code"
LABELS = frozenset({ENDPOINT, STATUS_CODE, "runner_name", "service_name", "service_version"})

# BentoML counts the requests to its own endpoints like those to the model, wherever a path prefix puts them.
OWN_ENDPOINTS = r"(.*/)?(livez|readyz|healthz|metrics|docs\.json|schema\.json)|(.*/)?(static_content|assets)/.*"
