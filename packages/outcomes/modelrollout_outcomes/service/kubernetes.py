"""Callers as a Kubernetes API server knows them: TokenReview says who asks, SubjectAccessReview what they may do.

What is asked for is a subresource of the ModelRollout, like `create modelrollouts/predictions`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request

from modelrollout_outcomes.service.access import Caller, bearer_token, unknown
from modelrollout_outcomes.service.turns import busy
from modelrollout_outcomes.storage.directory import RolloutName

GROUP = "modelrollout.io"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REMEMBERED_SECONDS = 30.0
_MOST_REMEMBERED = 4096


class ApiServer:
    """The two questions that are put to the API server. Its answers are good for half a minute."""

    def __init__(self, client: httpx.AsyncClient, token_file: Path = _ACCOUNT / "token") -> None:
        self._client, self._token_file = client, token_file
        self._answers: dict[tuple[str, ...], tuple[float, Mapping[str, Any]]] = {}

    @classmethod
    def of_pod(cls) -> "ApiServer":
        """The API server of the cluster that this pod runs in."""
        return cls(
            httpx.AsyncClient(base_url="https://kubernetes.default.svc", verify=str(_ACCOUNT / "ca.crt"), timeout=5)
        )

    async def review_token(self, token: str, audience: str) -> Mapping[str, Any]:
        """The status of a TokenReview. The token must be for the audience, if that is not empty."""
        key = "token", sha256(token.encode()).hexdigest(), audience
        spec = {"token": token, **({"audiences": [audience]} if audience else {})}
        return await self._review(key, "authentication.k8s.io", "TokenReview", spec)

    async def review_access(self, user: Mapping[str, Any], attributes: Mapping[str, str]) -> Mapping[str, Any]:
        """The status of a SubjectAccessReview."""
        spec = {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": user.get("groups", []),
            "extra": user.get("extra", {}),
            "resourceAttributes": attributes,
        }
        key = "access", repr(spec)
        return await self._review(key, "authorization.k8s.io", "SubjectAccessReview", spec)

    async def _review(self, key: tuple[str, ...], group: str, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        now = time.monotonic()
        if key in self._answers and self._answers[key][0] > now:
            return self._answers[key][1]
        body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
        headers = {"Authorization": f"Bearer {self._token_file.read_text().strip()}"}
        try:
            answer = await self._client.post(f"/apis/{group}/v1/{kind.lower()}s", json=body, headers=headers)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise busy(f"the API server does not answer a {kind}: {type(error).__name__}") from error
        status: Mapping[str, Any] = answer.json().get("status", {})
        if len(self._answers) >= _MOST_REMEMBERED:
            self._answers.clear()
        self._answers[key] = now + _REMEMBERED_SECONDS, status
        return status


@dataclass(frozen=True)
class KubernetesCaller:
    """Somebody that the API server knows, or whom a proxy that is trusted has named."""

    api: ApiServer
    user: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.user.get("username", ""))

    async def refusal(self, verb: str, subresource: str, rollout: RolloutName) -> str:
        attributes = {
            "group": GROUP,
            "resource": "modelrollouts",
            "subresource": subresource,
            "verb": verb,
            "namespace": rollout.namespace,
            "name": rollout.name,
        }
        if (await self.api.review_access(self.user, attributes)).get("allowed") is True:
            return ""
        return (
            f"{self.name} may not {verb} modelrollouts/{subresource} of {rollout.name} in namespace {rollout.namespace}"
        )


class KubernetesAccess:
    """Who a bearer token is of.

    Tokens are for an audience of this service, so nobody who gets to see one here can use it at the API server.
    """

    def __init__(self, api: ApiServer, audience: str) -> None:
        self._api, self._audience = api, audience

    async def caller(self, request: Request) -> Caller:
        status = await self._api.review_token(bearer_token(request), self._audience)
        if status.get("authenticated") is not True:
            wanted = f" for the audience {self._audience}" if self._audience else ""
            raise unknown(f"the API server knows no such token{wanted}")
        if self._audience and self._audience not in status.get("audiences", ()):
            # An authenticator that knows nothing of audiences answers without.
            raise unknown(f"the token is not for the audience {self._audience}")
        return KubernetesCaller(self._api, status.get("user", {}))
