"""Who asks, and what they may do."""

from typing import Protocol

from fastapi import Request

from modelrollout_outcomes.storage.directory import RolloutName


class Caller(Protocol):
    """Somebody that is known."""

    name: str

    async def refusal(self, verb: str, subresource: str, rollout: RolloutName) -> str:
        """Why they may not do this with a rollout; empty if they may."""


class Access(Protocol):
    """Tells who asks."""

    async def caller(self, request: Request) -> Caller:
        """Who sent a request. Answers 401 if that is not known."""


class Everybody:
    """The caller of a service without access control."""

    name = ""

    async def refusal(self, verb: str, subresource: str, rollout: RolloutName) -> str:
        return ""


class OpenAccess:
    """Lets everybody do everything: for one machine, or behind something that lets only some in."""

    async def caller(self, request: Request) -> Caller:
        return Everybody()
