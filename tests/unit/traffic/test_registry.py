from modelrollout.api.traffic import Traffic
from modelrollout.traffic.gateway_api import GatewayAPIRouter
from modelrollout.traffic.registry import all_routers


def test_every_way_to_split_traffic_that_a_spec_may_ask_for_has_a_router() -> None:
    assert all_routers().fields == set(Traffic.model_fields)


def test_a_rollout_gets_the_router_that_its_spec_asks_for() -> None:
    traffic = Traffic.model_validate({"gatewayAPI": {"parentRefs": [{"name": "models"}]}})

    assert isinstance(all_routers().choose(traffic), GatewayAPIRouter)
