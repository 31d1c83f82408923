"""PostgreSQL in a pod, for what keeps its data there: one database, gone with its namespace."""

import secrets

from modelrollout_testkit.changes import Object
from modelrollout_testkit.installation import restricted_namespace
from modelrollout_testkit.kubectl import Kubectl

NAME = "postgresql"
PORT = 5432
_USER = 65534
_DATA = {"name": "data", "mountPath": "/data"}
_PASSWORD = {"name": "password", "mountPath": "/secret", "readOnly": True}


def install_postgresql(kubectl: Kubectl, namespace: str, image: str) -> str:
    """Have a database in a namespace, and wait until it takes connections. Returns its URL, with the password.

    image: that its node has. A database that is there already stays, with the password that it has.
    """
    kubectl.apply(restricted_namespace(namespace))
    there = kubectl.get("secrets", f"--namespace={namespace}", f"--field-selector=metadata.name={NAME}")["items"]
    if not there:
        password = secrets.token_urlsafe(16)
        url = f"postgresql://postgres:{password}@{NAME}.{namespace}:{PORT}/postgres"
        secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": password, "url": url}}
        kubectl.apply({**secret, "metadata": {"name": NAME, "namespace": namespace}})
    kubectl.apply(*_objects(namespace, image))
    kubectl("rollout", "status", f"deployment/{NAME}", f"--namespace={namespace}", "--timeout=180s")
    return kubectl(
        "get", "secret", NAME, f"--namespace={namespace}", "--output=go-template={{.data.url | base64decode}}"
    )


def _objects(namespace: str, image: str) -> list[Object]:
    metadata, labels = {"name": NAME, "namespace": namespace}, {"app": NAME}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": "PASSWORD_FILE", "value": "/secret/password"}],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {
            "exec": {"command": ["pg_isready", "--host=localhost", "--username=postgres"]},
            "periodSeconds": 1,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [_DATA, _PASSWORD],
    }
    pod = {
        "containers": [container],
        "securityContext": {"fsGroup": _USER},
        "volumes": [
            {"name": _DATA["name"], "emptyDir": {}},
            {"name": _PASSWORD["name"], "secret": {"secretName": NAME}},
        ],
    }
    # Two at once on one folder would be the end of it.
    deployment = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {"selector": labels, "ports": [{"port": PORT}]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]
