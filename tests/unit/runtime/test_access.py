"""One list says what the operator touches: what reads it agrees with what the code does."""

import kopf
from tests.unit.kube.fake_client import FakeKubeClient
from tests.unit.runtime.test_reconcile import KEY, reconciler, rollout

from modelrollout.kube.cache import ObjectCache
from modelrollout.ports import DEPLOYMENT, MODEL_ROLLOUT, SERVICE, ResourceKind
from modelrollout.runtime.access import ACCESS, WATCHED
from modelrollout.runtime.changes import Changes
from modelrollout.runtime.handlers import build_registry, build_settings
from modelrollout.runtime.watching import Sessions
from modelrollout.traffic.registry import all_routers
from modelrollout_contract.objects import ROLLOUT_LABEL


def verbs(kind: ResourceKind) -> set[str]:
    return {
        verb for access in ACCESS if access.kind == kind and not access.subresource for verb in access.verbs.split()
    }


async def test_the_operator_may_make_and_change_every_kind_that_a_rollout_makes() -> None:
    client = FakeKubeClient(rollout())
    await reconciler(client).reconcile(KEY)
    made = {kind for kind, *_ in client.objects} - {MODEL_ROLLOUT}

    assert made >= {SERVICE, DEPLOYMENT}
    assert all({"create", "patch"} <= verbs(kind) for kind in made)


def test_a_route_may_be_made_and_changed_and_its_changes_are_followed() -> None:
    assert all({"get", "create", "patch", "watch"} <= verbs(kind) for kind in all_routers().kinds)


def test_every_kind_that_is_watched_has_a_handler_and_those_made_for_a_rollout_are_selected() -> None:
    changes = Changes(ObjectCache([access.kind for access in WATCHED]))
    registry, settings = build_registry(changes, lambda _: None, Sessions()), build_settings()
    handled = {
        (handler.selector.group, handler.selector.version, handler.selector.any_name)  # type: ignore[union-attr]
        for handler in registry._watching.get_all_handlers()
    }

    assert handled == {(access.group, access.version, access.kind.plural) for access in WATCHED}
    assert isinstance(settings, kopf.OperatorSettings)
    for access in WATCHED[1:]:
        assert settings.watching.label_selectors[access.group, access.version, access.kind.plural] == ROLLOUT_LABEL
