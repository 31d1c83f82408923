"""Runs kubectl and helm against one cluster."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelrollout_localcluster import tool_path
from modelrollout_testkit.changes import Object
from modelrollout_testkit.errors import TestkitError


@dataclass(frozen=True)
class Kubectl:
    """kubectl, helm and shell commands that find both, for the cluster of one kubeconfig.

    kubeconfig: as in KUBECONFIG; "" for kubectl's own default. cache: where kubectl remembers what a server offers;
    None for its own default.
    """

    kubeconfig: str
    cache: Path | None = None
    environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        folders = [str(tool_path(program).parent) for program in ("kubectl", "helm")]
        environment = {
            **os.environ,
            **({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {}),
            **({"KUBECACHEDIR": str(self.cache)} if self.cache else {}),
            "PATH": os.pathsep.join([*folders, os.environ.get("PATH", "")]),
        }
        object.__setattr__(self, "environment", environment)

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises TestkitError with its complaint when it fails."""
        return self.run("kubectl", *arguments, stdin=stdin)

    def run(self, *command: str, stdin: str | None = None, folder: Path | None = None) -> str:
        """What a command prints. Raises TestkitError with its complaint when it fails."""
        result = subprocess.run(
            command, input=stdin, env=self.environment, cwd=folder, capture_output=True, text=True, check=False
        )
        if result.returncode:
            shown = " ".join(command)
            raise TestkitError(f"{shown} failed:\n{result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    @contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """The URL under which this machine reaches a service while `with` lasts. Raises TestkitError if it cannot."""
        where = ("--address=127.0.0.1", f"--namespace={namespace}", f"service/{service}")
        with self.follow("port-forward", *where, f":{port}") as process:
            try:
                assert process.stdout is not None
                found = re.match(r"Forwarding from (\S+)", process.stdout.readline())
                if not found:
                    raise TestkitError(f"kubectl port-forward {' '.join(where)} :{port} did not work")
                # kubectl has a line for every connection, and stops once nobody reads them.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield f"http://{found[1]}"
            finally:
                process.terminate()

    def get(self, *arguments: str) -> Any:
        """`kubectl get ... --output=json`, parsed."""
        return json.loads(self("get", *arguments, "--output=json"))

    def apply(self, *manifests: Object) -> None:
        """Server-side apply of objects."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self("apply", "--server-side", "--filename=-", stdin=text)

    def follow(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start kubectl and leave it running, with its output to read."""
        return subprocess.Popen(
            ["kubectl", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Ctrl-C is for the demo, which ends its children in order.
            start_new_session=True,
        )
