"""Who asks, and what they may do."""

import hmac
from dataclasses import dataclass
from typing import Protocol

from fastapi import HTTPException, Request

from modelrollout_outcomes.storage.directory import RolloutName


class Caller(Protocol):
    """Somebody that is known."""

    @property
    def name(self) -> str:
        """Who it is, as truths that they bring are signed."""

    async def refusal(self, verb: str, subresource: str, rollout: RolloutName) -> str:
        """Why they may not do this with a rollout; empty if they may."""


class Access(Protocol):
    """Tells who asks."""

    async def caller(self, request: Request) -> Caller:
        """Who sent a request. Answers 401 if that is not known."""


@dataclass(frozen=True)
class Trusted:
    """A caller that may do everything in some namespaces; in all of them if none is named."""

    name: str
    namespaces: frozenset[str] = frozenset()

    async def refusal(self, verb: str, subresource: str, rollout: RolloutName) -> str:
        if not self.namespaces or rollout.namespace in self.namespaces:
            return ""
        return f"{self.name or 'this caller'} may not {verb} {subresource} in namespace {rollout.namespace}"


class OpenAccess:
    """Lets everybody do everything: for one machine, or behind something that lets only some in."""

    async def caller(self, request: Request) -> Caller:
        return Trusted("")


class TokenAccess:
    """Knows tokens, each of which is good for the namespaces that it was given out for; `*` is all of them."""

    def __init__(self, tokens: dict[str, frozenset[str]]) -> None:
        self._tokens = tokens

    async def caller(self, request: Request) -> Caller:
        given = bearer_token(request)
        # Each is compared in the same time, whatever it is, and all of them are.
        known = [
            spaces for token, spaces in self._tokens.items() if hmac.compare_digest(token.encode(), given.encode())
        ]
        if not known:
            raise unknown("the token is not known")
        return Trusted("", known[0] - {"*"})


def bearer_token(request: Request) -> str:
    """The token of a request. Answers 401 if it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unknown("a bearer token is needed")
    return token.strip()


def unknown(why: str) -> HTTPException:
    """An answer that says: who are you?"""
    return HTTPException(401, why, headers={"WWW-Authenticate": "Bearer"})


async def require(caller: Caller, verb: str, subresource: str, rollout: RolloutName) -> None:
    """Answer 403 unless the caller may do this with a rollout."""
    if reason := await caller.refusal(verb, subresource, rollout):
        raise HTTPException(403, reason)
