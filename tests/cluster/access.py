"""Service accounts, and what the API server lets them do."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import yaml

_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}


@dataclass(frozen=True)
class Right:
    """A verb on a resource of an API group, such as `pods` or `pods/log`; only on the object `name` if there is one."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def request(self, namespace: str | None) -> tuple[str, str, dict[str, str]]:
        """Method, path and query of a request that needs this right, in a namespace or (None) for the whole cluster."""
        version = "v1alpha1" if self.group == "modelrollout.io" else "v1"
        root = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        plural, _, subresource = self.resource.partition("/")
        path = f"{root}{scope}/{plural}"
        if subresource or self.verb in ("get", "update", "patch", "delete"):
            path = f"{path}/{self.name or 'probe'}/{subresource}".rstrip("/")
        method = _METHODS[self.verb]
        query = {} if method == "GET" else {"dryRun": "All"}
        if self.verb == "watch":
            query = {"watch": "true", "timeoutSeconds": "1"}
        return method, path, query


def rights(table: Mapping[tuple[str, str], str]) -> list[Right]:
    """The rights in a table of verbs by API group and resource."""
    return [Right(verb, group, resource) for (group, resource), verbs in table.items() for verb in verbs.split()]


@dataclass(frozen=True)
class Account:
    """Speaks to an API server with the token of a service account. authority: path of the server's CA bundle."""

    server: str
    authority: str
    token: str

    def may(self, right: Right, namespace: str | None) -> bool:
        """Whether the API server lets a request pass that needs this right; the request changes nothing."""
        method, path, query = right.request(namespace)
        # Who may not is told so before anyone looks at the body: an empty one is enough to ask.
        status = self._send(method, path, query).status_code
        assert status != HTTPStatus.UNAUTHORIZED
        return status != HTTPStatus.FORBIDDEN

    def rights(self, namespace: str) -> set[Right]:
        """Everything that the account may do in a namespace, as the API server lists it."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = self._send("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {}, review).json()
        return {
            Right(verb, group, resource, name)
            for rule in answer["status"]["resourceRules"]
            for verb in rule["verbs"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for name in rule.get("resourceNames") or [""]
        }

    def write_kubeconfig(self, path: Path) -> None:
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": self.server, "certificate-authority": self.authority}}],
            "users": [{"name": "it", "user": {"token": self.token}}],
        }
        path.write_text(yaml.safe_dump(config))

    def _send(self, method: str, path: str, query: Mapping[str, str], body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.server}{path}"
        return requests.request(
            method, url, params=query, json=body, headers=headers, verify=self.authority, timeout=10
        )
