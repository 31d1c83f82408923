"""The ModelRollout of the digits: applying a version of its manifest, and following what comes of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import yaml

from modelrollout.api.identity import version_of, workload_name
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Version
from modelrollout_contract.objects import ROLLOUT_LABEL, VERSION_LABEL
from modelrollout_testkit.changes import Object
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.kubectl import Kubectl
from modelrollout_testkit.load import HOST
from modelrollout_testkit.watching import PATIENCE, Watch

T = TypeVar("T")

MANIFEST = Path("examples/digits/rollout.yaml")
NAME = "digits"
VERSIONS = ("v1", "v2", "v3", "v4", "v5", "majority")
KIND = "modelrollouts.modelrollout.io"
ROUTE_KIND = "httproutes.gateway.networking.k8s.io"


@dataclass(frozen=True)
class Digits:
    """The example as it is to run in an environment.

    host: that its requests ask for. variables: of its containers, names and values.
    """

    environment: Environment
    host: str = HOST
    variables: Sequence[tuple[str, str]] = ()

    def version(self, name: str) -> Version:
        """The operator's notion of `v2`, served as the example is."""
        spec = _parsed(self.manifest(name)).spec
        return version_of(spec.model, spec.serving)

    def workload(self, name: str) -> str:
        """Name of the Deployment and the Service of `v2`."""
        return workload_name(NAME, self.version(name).hash)

    @property
    def slow_after(self) -> float:
        """The threshold of the manifest's latency gate, in seconds."""
        gates = _parsed(self.manifest("v1")).spec.gates
        return next(gate.latency.threshold.seconds for gate in gates if gate.latency)

    def manifest(self, name: str) -> Object:
        """The example's manifest for `v2`."""
        manifest: Object = yaml.safe_load((self.environment.checkout.root / MANIFEST).read_text())
        namespace, gateway = self.environment.gateway
        manifest["spec"]["traffic"]["gatewayAPI"]["hostnames"] = [self.host]
        manifest["spec"]["traffic"]["gatewayAPI"]["parentRefs"] = [{"name": gateway, "namespace": namespace}]
        bento = f"{NAME}:{name}"
        manifest["spec"]["model"] = {"bento": bento, "image": f"{self.environment.registry}/{bento}"}
        if self.variables:
            manifest["spec"]["serving"]["env"] = [{"name": name, "value": value} for name, value in self.variables]
        return manifest


@dataclass(frozen=True, slots=True)
class Weights:
    """The split of the traffic in the HTTPRoute, in percent by version (`v2`), as heard of at `at` (unix time)."""

    at: float
    by_version: Mapping[str, int]


class DigitsRollout:
    """The ModelRollout `digits` of a namespace, followed from construction to `close`.

    on_change, on_weights, on_event: called in threads of their own with whatever is new.
    """

    def __init__(
        self,
        digits: Digits,
        namespace: str,
        *,
        on_change: Callable[[ModelRollout], None] = lambda _: None,
        on_weights: Callable[[Weights], None] = lambda _: None,
        on_event: Callable[[Object], None] = lambda _: None,
    ) -> None:
        self.digits = digits
        self.namespace = namespace
        self._kubectl = digits.environment.kubectl
        self._services = {digits.workload(version): version for version in VERSIONS}
        self._rollouts = Watch(
            self._kubectl,
            KIND,
            namespace,
            lambda change: None if change.deleted else on_change(_parsed(change.object)),
        )
        self._routes = Watch(
            self._kubectl,
            ROUTE_KIND,
            namespace,
            lambda change: None if change.deleted else on_weights(self._weights(change.at, change.object)),
        )
        self._events = Watch(
            self._kubectl,
            "events",
            namespace,
            lambda change: on_event(change.object) if _is_of_operator(change.object) else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop to follow."""
        for watch in (self._rollouts, self._routes, self._events):
            watch.close()

    def apply(self, version: str, edit: Callable[[Object], None] = lambda _: None) -> None:
        """`kubectl apply` of the manifest for a version, after `edit` had its way with it."""
        manifest = self.digits.manifest(version)
        edit(manifest)
        self._kubectl("apply", f"--namespace={self.namespace}", "--filename=-", stdin=json.dumps(manifest))

    def command(self, name: str, value: str) -> None:
        """Give the operator a command, such as `retry`."""
        annotation = f"modelrollout.io/{name}={value}"
        self._kubectl("annotate", "--overwrite", f"--namespace={self.namespace}", KIND, NAME, annotation)

    @property
    def found(self) -> ModelRollout | None:
        """As it is now; None if there is none."""
        manifest = self._rollouts.objects.get(NAME)
        return _parsed(manifest) if manifest else None

    @property
    def current(self) -> ModelRollout:
        """As it is now. Raises TestkitError if there is none."""
        if NAME not in self._rollouts.objects:
            raise TestkitError(f"there is no ModelRollout {self.namespace}/{NAME}")
        return _parsed(self._rollouts.objects[NAME])

    def until(self, holds: Callable[[ModelRollout], bool], what: str, seconds: float = PATIENCE) -> ModelRollout:
        """Wait until something holds of the ModelRollout, and return it as it was then.

        what: ends the sentence "waited in vain for ...". Raises TestkitError after `seconds`.
        """

        def find(objects: Mapping[str, Object]) -> ModelRollout | None:
            if NAME not in objects:
                return None
            rollout = _parsed(objects[NAME])
            return rollout if holds(rollout) else None

        try:
            return self._rollouts.until(find, what, seconds)
        except TestkitError as error:
            raise TestkitError(f"{error}; the ModelRollout says: {self.current.status.verdict}") from error

    @property
    def history(self) -> list[ModelRollout]:
        """The ModelRollout after every change so far."""
        return [_parsed(change.object) for change in self._rollouts.history if not change.deleted]

    @property
    def weights(self) -> list[Weights]:
        """The split of the traffic after every change so far."""
        return [self._weights(change.at, change.object) for change in self._routes.history if not change.deleted]

    @property
    def event_reasons(self) -> list[str]:
        """Reasons of the operator's Events, in the order in which they came."""
        return [change.object["reason"] for change in self._events.history if _is_of_operator(change.object)]

    def pods(self, version: str) -> list[Object]:
        """The pods of a version, as they are now."""
        selector = f"{ROLLOUT_LABEL}={NAME},{VERSION_LABEL}={self.digits.version(version).hash}"
        pods: list[Object] = self._kubectl.get("pods", f"--namespace={self.namespace}", f"--selector={selector}")[
            "items"
        ]
        return pods

    def _weights(self, at: float, route: Object) -> Weights:
        references = (reference for rule in route["spec"]["rules"] for reference in rule["backendRefs"])
        return Weights(at, {self._services[ref["name"]]: ref["weight"] for ref in references})


def remove(kubectl: Kubectl, namespace: str) -> None:
    """Delete the ModelRollout `digits`, if there is one, until all of it and all that is known of it is gone."""
    kubectl("delete", KIND, NAME, f"--namespace={namespace}", "--ignore-not-found", "--cascade=foreground")
    made = (f"--selector={ROLLOUT_LABEL}={NAME}", f"--namespace={namespace}")
    kubectl("wait", "--for=delete", "pods", *made, "--timeout=120s")
    kubectl("delete", "controllerrevisions", *made)


def _parsed(manifest: Object) -> ModelRollout:
    rollout = parse_rollout(manifest)
    if not isinstance(rollout, ModelRollout):
        raise TestkitError(f"the ModelRollout cannot be read: {'; '.join(map(str, rollout))}")
    return rollout


def _is_of_operator(event: Object) -> bool:
    return (
        event.get("reportingComponent") == "modelrollout" or event.get("source", {}).get("component") == "modelrollout"
    )
