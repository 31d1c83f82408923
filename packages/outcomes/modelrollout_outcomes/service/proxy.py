"""Callers that a proxy has let in and names in a header."""

import hmac

from fastapi import Request

from modelrollout_outcomes.service.access import Access, Caller, Trusted, unknown
from modelrollout_outcomes.service.kubernetes import ApiServer, KubernetesCaller


class ProxyAccess:
    """Who a trusted proxy says it is, by a header; the proxy proves itself by a secret in `x-modelrollout-proxy`.

    What they may do is asked of the API server if there is one, and else everything.
    """

    def __init__(self, header: str, secret: str, others: Access, api: ApiServer | None) -> None:
        self._header, self._secret, self._others, self._api = header, secret, others, api

    async def caller(self, request: Request) -> Caller:
        given = request.headers.get("x-modelrollout-proxy", "")
        if not given:
            return await self._others.caller(request)
        name = request.headers.get(self._header, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()) or not name:
            raise unknown("the proxy is not the one that is trusted, or names nobody")
        if self._api is None:
            return Trusted(name)
        return KubernetesCaller(self._api, {"username": name, "groups": ["system:authenticated"]})
