"""Runs kubectl against one cluster."""

import subprocess
from pathlib import Path

from .errors import LocalClusterError
from .tools import program_path


def run(kubeconfig: Path, *arguments: str, stdin: str | None = None) -> str:
    """Standard output of kubectl. Raises LocalClusterError with what it printed when it fails."""
    result = _run(kubeconfig, arguments, stdin)
    if result.returncode:
        raise LocalClusterError(f"kubectl {' '.join(arguments)} failed: {result.stderr.strip()}")
    return result.stdout


def succeeds(kubeconfig: Path, *arguments: str) -> bool:
    return _run(kubeconfig, arguments, None).returncode == 0


def _run(kubeconfig: Path, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
    # What kubectl remembers about a server must go with it: the next cluster may have the same address.
    cache = kubeconfig.with_name("kubectl-cache")
    return subprocess.run(
        [program_path("kubectl"), f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
