"""What the cluster looks like to the decision code."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrollout.api.serving import Serving
from modelrollout.api.status import QuarantinedVersion, Role, Version
from modelrollout.rollout.measurements import Measurement


@dataclass(frozen=True, slots=True)
class VersionObservation:
    """The pods of one version.

    `ready` counts pods that are ready and not terminating, those of an earlier template too, which keep serving while a
    change of the template rolls through; `updated` tells when that is over. `problem` says, for a person,
    what keeps the others from getting ready; it is empty while nothing is known to be wrong. `restarts` counts those of
    the containers of all its pods, the ready ones too, and `last_exit` says, for a person, how the last of them ended.
    `image_digest`, as `sha256:...`, is of the image that every ready pod runs; empty if they differ or do not tell.
    """

    hash: str
    desired: int
    ready: int
    updated: bool
    problem: str = ""
    restarts: int = 0
    last_exit: str = ""
    image_digest: str = ""


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version that runs under the name of this ModelRollout, whoever made it: it may have outlived its owner.

    role: the last one that was noted at its Deployment; None if none is. weight: percent of the traffic that the route
    of that name gives to it.
    """

    version: Version
    role: Role | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class RouteObservation:
    """The route as the API server has it.

    `weights` maps version hash to the weight in the route's spec. `settled` is true when every gateway asked for has
    accepted this generation of the route and resolved its backends. `problem` says, for a person, why a gateway does
    not carry the traffic; it is empty while the gateways have merely not yet answered to the latest change. `refused`
    is true if a gateway has said no, so that waiting will not help.
    `copied` maps the hashes of versions that get copies of requests to the percentage that is asked for.
    """

    exists: bool
    weights: Mapping[str, int] = field(default_factory=dict)
    settled: bool = False
    problem: str = ""
    refused: bool = False
    copied: Mapping[str, int] = field(default_factory=dict)

    def exposure(self, version_hash: str) -> int:
        """The percentage of the requests that a version gets to see, for an answer or as a copy."""
        return max(self.weights.get(version_hash, 0), self.copied.get(version_hash, 0))


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of the requests with one of `methods` and one of `path_prefixes`, of those with any where there are none.

    percent: how many of them are copied.
    """

    percent: int
    methods: tuple[str, ...] = ()
    path_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backend:
    """A version's share of the traffic. Weights of all backends of a route are percentages and add up to 100.

    copies: requests that it sees besides, for answers that reach nobody.
    """

    version_hash: str
    bento: str
    service: str
    port: int
    weight: int
    copies: Copies | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a decision needs to know of the world.

    measurements: by gate; empty when nothing is judged at the moment.
    champion_halves: the measurements of the champion with its pods split in two arms, before the first weight; empty if
        it has one pod, or at any other time.
    commands: the command annotations of the ModelRollout, by command name (retry, abort, promote, approve).
    apply_problem: what kept the last plan from being carried out, empty if nothing did.
    found: the versions that run under this name; needed only while the status knows no champion.
    quarantine: the versions that an earlier ModelRollout of this name had rolled back, as far as that was noted.
    status_problem: what of the status could not be read and was left out; empty if all of it could.
    configuration: digests of the content of the ConfigMaps and Secrets that the spec names, by `Kind/name`.
    served_before: how an earlier release, which did not note it, served its versions; None if as the spec says.
    """

    versions: Mapping[str, VersionObservation] = field(default_factory=dict)
    route: RouteObservation = RouteObservation(exists=False)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    champion_halves: Mapping[str, Measurement] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    apply_problem: str = ""
    found: tuple[FoundVersion, ...] = ()
    quarantine: tuple[QuarantinedVersion, ...] = ()
    status_problem: str = ""
    configuration: Mapping[str, str] = field(default_factory=dict)
    served_before: Serving | None = None
