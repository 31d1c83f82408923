"""A real local Kubernetes, built from pinned Go modules, for machines with no container engine."""

from .builds import tool_path
from .cluster import Cluster, Status
from .errors import LocalClusterError
from .progress import Progress

__all__ = ["Cluster", "LocalClusterError", "Progress", "Status", "tool_path"]
