"""Settings of the operator process, from the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes.utils.quantity import parse_quantity

from modelrollout.rollout.settings import Settings as DecisionSettings


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """What the operator is told when it starts.

    prometheus_url: where the metrics are.
    prometheus_ca_file, prometheus_token_file: paths of the certificate authority and of the bearer token to reach it
        with; empty for none.
    namespaces: watched namespaces; empty means all of them.
    decisions: what decisions depend on (scrape interval and lag, in seconds).
    checkpoint_interval: seconds between two writes of evidence that led to no decision.
    resync_interval: seconds after which every ModelRollout is looked at even if nothing seems to have happened.
    workers: reconciles under way at once.
    lease_name, lease_namespace: the Lease that admits one active replica.
    record_dir: where every decision is recorded, to be replayed; None for nowhere.
    record_limit: bytes that the records may take on disk. They are kept to nine tenths of that.
    port: of the HTTP server for /healthz, /readyz and /metrics.
    """

    prometheus_url: str
    prometheus_ca_file: str = ""
    prometheus_token_file: str = ""
    namespaces: tuple[str, ...] = ()
    decisions: DecisionSettings = field(default_factory=DecisionSettings)
    checkpoint_interval: float = 60.0
    resync_interval: float = 300.0
    workers: int = 8
    lease_name: str = "modelrollout-operator"
    lease_namespace: str = "default"
    record_dir: Path | None = None
    record_limit: int = 1024**3
    port: int = 8080
    version_header: bool = True
    log_level: str = "INFO"


def parse(arguments: Sequence[str] | None = None) -> OperatorSettings:
    """Settings from command line arguments (default: of this process). Exits with a usage message if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="modelrollout-operator",
        description="Rolls out BentoML models: champion, challenger, proof, promotion, rollback.",
    )
    parser.add_argument("--prometheus-url", required=True, help="e.g. http://prometheus.monitoring:9090")
    parser.add_argument("--prometheus-ca-file", default="", help="of the authority that signed Prometheus' certificate")
    parser.add_argument("--prometheus-token-file", default="", help="with a bearer token for Prometheus")
    parser.add_argument("--namespace", action="append", default=[], help="watch only this namespace; may be repeated")
    parser.add_argument(
        "--scrape-interval",
        type=_seconds,
        default=15.0,
        help="seconds between two scrapes of a model's pods (%(default)s)",
    )
    parser.add_argument(
        "--scrape-lag",
        type=_seconds,
        default=1.0,
        help="seconds until a scrape can be read from Prometheus (%(default)s)",
    )
    parser.add_argument(
        "--checkpoint-interval",
        type=_seconds,
        default=60.0,
        help="seconds between writes of undecided evidence (%(default)s)",
    )
    parser.add_argument(
        "--resync-interval",
        type=_seconds,
        default=300.0,
        help="seconds between full passes over everything (%(default)s)",
    )
    parser.add_argument("--workers", type=int, default=8, help="reconciles at once (%(default)s)")
    parser.add_argument("--lease-name", default="modelrollout-operator")
    parser.add_argument("--lease-namespace", default="default", help="namespace of the leader Lease (%(default)s)")
    parser.add_argument("--record-dir", type=Path, help="record every decision there, for modelrollout replay")
    parser.add_argument(
        "--record-limit",
        type=_bytes,
        default="1Gi",
        help="disk space for the records; the oldest are removed before it is used up (%(default)s)",
    )
    parser.add_argument("--port", type=int, default=8080, help="of /healthz, /readyz and /metrics (%(default)s)")
    parser.add_argument(
        "--no-version-header",
        action="store_true",
        help="no x-modelrollout-version response header: for gateways without ResponseHeaderModifier on backends",
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args(arguments)
    return OperatorSettings(
        prometheus_url=options.prometheus_url,
        prometheus_ca_file=options.prometheus_ca_file,
        prometheus_token_file=options.prometheus_token_file,
        namespaces=tuple(options.namespace),
        decisions=DecisionSettings(scrape_interval=options.scrape_interval, scrape_lag=options.scrape_lag),
        checkpoint_interval=options.checkpoint_interval,
        resync_interval=options.resync_interval,
        workers=options.workers,
        lease_name=options.lease_name,
        lease_namespace=options.lease_namespace,
        record_dir=options.record_dir,
        record_limit=options.record_limit,
        port=options.port,
        version_header=not options.no_version_header,
        log_level=options.log_level,
    )


def _seconds(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return value


def _bytes(text: str) -> int:
    try:
        value = int(parse_quantity(text))  # type: ignore[no-untyped-call]
    except ValueError:
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError("must be a quantity of bytes like 1Gi")
    return value
