"""Compute resources, as core/v1 has them, with the rules that a Deployment is held to.

The rules are those of ValidateContainerResource in k8s.io/kubernetes/pkg/apis/core/validation.
"""

from decimal import Decimal
from typing import Annotated, Any

import re2
from pydantic import BeforeValidator, Field, WithJsonSchema

from modelrollout.api.base import ApiModel
from modelrollout.api.names import PREFIXED_NAME
from modelrollout.api.rules import VALIDATIONS, Matches, Rule, cel_string

_LONGEST = 32
_POWERS = {suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_POWERS |= {suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_POWERS |= {suffix: Decimal(1000) ** -power for power, suffix in enumerate(("m", "u", "n"), 1)}

QUANTITY = Matches(
    r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?",
    "must be a quantity like 500m, 2 or 1Gi",
)


# Where an amount is so deep in lists of lists that a rule in CEL, with words of its own, would cost too much.
QUANTITY_SCHEMA = {"x-kubernetes-int-or-string": True, "maxLength": _LONGEST, "pattern": f"^({QUANTITY.pattern})$"}


def quantity_text(value: Any) -> str:
    """A quantity as text. Raises ValueError, with what is allowed, for anything else."""
    # The API server reads a larger number as one with a fraction.
    text = str(value) if type(value) is int and value < 2**63 else value
    if not isinstance(text, str) or len(text) > _LONGEST or not QUANTITY.accepts(text):
        raise ValueError(QUANTITY.message)
    return text


Quantity = Annotated[
    str,
    BeforeValidator(quantity_text),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": _LONGEST,
            VALIDATIONS: [{"rule": QUANTITY.cel("string(self)"), "message": QUANTITY.message}],
        }
    ),
]
"""An amount of a compute resource; integers are kept as text."""


def amount(quantity: str) -> Decimal:
    """The number that a quantity stands for."""
    number = quantity.rstrip("KMGTPEikmun")
    return Decimal(number) * _POWERS[quantity[len(number) :]]


_RESOURCE_NAME = f"cpu|memory|ephemeral-storage|hugepages-[1-9][0-9]{{0,5}}[KMG]i|{PREFIXED_NAME}"
_RESOURCE_NAMES = Rule(
    cel=f"self.all(name, name.matches({cel_string(f'^({_RESOURCE_NAME})$')}) && !name.startsWith('requests.'))",
    holds=lambda amounts: all(
        re2.fullmatch(_RESOURCE_NAME, name) and not name.startswith("requests.") for name in amounts
    ),
    message="must name resources of a container: cpu, memory, ephemeral-storage, or a vendor's like nvidia.com/gpu",
    ratcheting=True,
)

ResourceList = Annotated[dict[str, Quantity], Field(max_length=16), _RESOURCE_NAMES]


def _amounts(resources: "Resources", name: str) -> tuple[Decimal | None, Decimal | None]:
    """What is requested and what is the limit, if they are set."""
    requested, limit = resources.requests.get(name), resources.limits.get(name)
    return (None if requested is None else amount(requested)), (None if limit is None else amount(limit))


def _is_whole(name: str) -> bool:
    """Whether a resource is handed out whole: no part of it, and no more than there is."""
    return "/" in name or name.startswith("hugepages-")


def _requests_are_within_limits(resources: "Resources") -> bool:
    amounts = (_amounts(resources, name) for name in resources.requests)
    return all(requested is None or limit is None or requested <= limit for requested, limit in amounts)


def _whole_ones_are_not_overcommitted(resources: "Resources") -> bool:
    amounts = (_amounts(resources, name) for name in resources.requests if _is_whole(name))
    return all(requested == limit for requested, limit in amounts)


def _whole_ones_are_whole(resources: "Resources") -> bool:
    quantities = [*resources.requests.items(), *resources.limits.items()]
    return all(quantity.isdecimal() for name, quantity in quantities if "/" in name)


def _hugepages_have_company(resources: "Resources") -> bool:
    names = resources.requests.keys() | resources.limits.keys()
    huge = [name for name in names if name.startswith("hugepages-")]
    return not huge or bool(names & {"cpu", "memory"})


def _hugepages_are_pages(resources: "Resources") -> bool:
    quantities = [*resources.requests.items(), *resources.limits.items()]
    return all(
        amount(quantity) % amount(name.removeprefix("hugepages-")) == 0
        for name, quantity in quantities
        if name.startswith("hugepages-")
    )


_HUGE_PAGES = "{list}.exists(name, name.startsWith('hugepages-'))"
_CPU_OR_MEMORY = "('cpu' in {list} || 'memory' in {list})"
_MEMBERS = ("requests", "limits")


def _of_both(rule: str) -> str:
    """The CEL rule about {list} for requests and for limits, as far as they are set."""
    return " && ".join(f"(!has(self.{member}) || {rule.format(list=f'self.{member}')})" for member in _MEMBERS)


def _of_either(rule: str) -> str:
    """The CEL rule about {list} for requests or for limits."""
    return " || ".join(f"(has(self.{member}) && {rule.format(list=f'self.{member}')})" for member in _MEMBERS)


def _quantity(text: str) -> str:
    return f"quantity(string({text}))"


class Resources(ApiModel):
    """Compute resources of a pod of the model."""

    rules = (
        Rule(
            cel="!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits)"
            " || !isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name]))"
            f" || {_quantity('self.requests[name]')}.compareTo({_quantity('self.limits[name]')}) <= 0)",
            holds=_requests_are_within_limits,
            message="must not be above limits",
            field="requests",
            ratcheting=True,
        ),
        Rule(
            cel="!has(self.requests) || self.requests.all(name, !(name.contains('/') || name.startsWith('hugepages-'))"
            " || (has(self.limits) && name in self.limits"
            " && (!isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name]))"
            f" || {_quantity('self.requests[name]')}.compareTo({_quantity('self.limits[name]')}) == 0)))",
            holds=_whole_ones_are_not_overcommitted,
            message="must be what limits says, of a vendor's resource or of huge pages: they are never shared",
            field="requests",
            ratcheting=True,
        ),
        Rule(
            cel=_of_both("{list}.all(name, !name.contains('/') || string({list}[name]).matches('^[0-9]+$'))"),
            holds=_whole_ones_are_whole,
            message="must have a whole number of a vendor's resource, like 1",
            ratcheting=True,
        ),
        Rule(
            cel=f"!({_of_either(_HUGE_PAGES)}) || {_of_either(_CPU_OR_MEMORY)}",
            holds=_hugepages_have_company,
            message="must have cpu or memory beside huge pages",
            ratcheting=True,
        ),
        Rule(
            cel=_of_both(
                "{list}.all(name, !name.matches('^hugepages-[1-9][0-9]*[KMG]i$') || !isQuantity(string({list}[name]))"
                " || (quantity(string({list}[name])).isInteger() && quantity(string({list}[name])).asInteger()"
                " % quantity(name.substring(10)).asInteger() == 0))"
            ),
            holds=_hugepages_are_pages,
            message="must have as much of huge pages as some pages together",
            ratcheting=True,
        ),
    )

    requests: ResourceList = Field(default_factory=dict)
    """What is reserved for a pod, e.g. `{cpu: 500m, memory: 1Gi}`."""
    limits: ResourceList = Field(default_factory=dict)
    """What a pod may use at most."""
