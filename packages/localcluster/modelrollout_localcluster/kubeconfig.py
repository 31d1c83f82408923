"""Kubeconfig files with embedded credentials."""

import base64
from pathlib import Path

import yaml

from .certificates import KeyPair


def write_kubeconfig(path: Path, server: str, authority: Path, user: KeyPair, cluster: str) -> None:
    """Write a kubeconfig, readable by its owner only, whose one context is `cluster`."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": _encoded(authority)},
            }
        ],
        "users": [
            {
                "name": cluster,
                "user": {
                    "client-certificate-data": _encoded(user.certificate),
                    "client-key-data": _encoded(user.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
