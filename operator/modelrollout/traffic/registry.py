"""The routers there are, and which of them a ModelRollout asks for."""

from collections.abc import Iterable

from modelrollout.api.traffic import Traffic
from modelrollout.ports import ResourceKind
from modelrollout.traffic.gateway_api import GatewayAPIRouter
from modelrollout.traffic.router import Router
from modelrollout_contract.headers import VERSION_HEADER


class RouterRegistry:
    """Routers by the member of `spec.traffic` that asks for them."""

    def __init__(self, routers: Iterable[Router]) -> None:
        self._routers = {router.field: router for router in routers}

    @property
    def fields(self) -> frozenset[str]:
        """The members of `spec.traffic` that have a router."""
        return frozenset(self._routers)

    @property
    def kinds(self) -> tuple[ResourceKind, ...]:
        """The kinds of the objects that split traffic."""
        return tuple(dict.fromkeys(router.kind for router in self._routers.values()))

    def choose(self, traffic: Traffic) -> Router:
        """The router that a ModelRollout asks for. The schema sees to it that there is one."""
        return next(router for field, router in self._routers.items() if getattr(traffic, field) is not None)


def all_routers(*, version_header: bool = True) -> RouterRegistry:
    """Every router. version_header: whether answers name the version that gave them."""
    return RouterRegistry([GatewayAPIRouter(version_header=VERSION_HEADER if version_header else "")])
