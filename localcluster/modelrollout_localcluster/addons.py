from pathlib import Path

ENVOY_OFFSET = 20
PROMETHEUS_OFFSET = 30
from .node import Node


def install(k: Path, node: Node) -> None: ...
