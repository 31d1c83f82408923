"""Queries of the user's own, confined to the series of one namespace, as prom-label-proxy confines them.

Whoever may write a ModelRollout in one namespace may not read what other tenants count through the operator's eyes.
"""

from collections.abc import Iterator
from functools import lru_cache

from promql_parser import Call, Expr, MatchOp, VectorSelector, parse, transform, walk

from modelrollout.api.expressions import NotPromQL, parsed
from modelrollout.api.text import plain

_NAMESPACE = "namespace"


class NotConfined(Exception):
    """A query cannot be confined; the message says why, for a person."""


@lru_cache(maxsize=1024)
def confined(expression: str, namespace: str) -> str:
    """The same query, of series with the label `namespace` only. Raises NotConfined."""
    try:
        tree = transform(parsed(expression), None, lambda node: _with_namespace(node, namespace))
        text = tree.prettify()
        selectors = list(_selectors(parse(text)))
    except (NotPromQL, ValueError) as error:
        raise NotConfined(f"it is not PromQL that can be confined to a namespace: {plain(str(error), 200)}") from None
    # What is sent is looked at, not what it was made of.
    if not all(_is_confined(selector, namespace) for selector in selectors):
        raise NotConfined("it cannot be confined to a namespace")
    return text


def _with_namespace(node: Expr, namespace: str) -> Expr | None:
    if isinstance(node, Call) and node.func.name == "info":
        raise NotConfined("info() reads series that it does not name")
    if not isinstance(node, VectorSelector):
        return None
    if node.matchers.or_matchers:
        raise NotConfined("alternatives of matchers (`or` within braces) cannot be confined to a namespace")
    for matcher in node.matchers.matchers:
        if matcher.name == _NAMESPACE and matcher.op == MatchOp.Equal and matcher.value != namespace:
            raise NotConfined(
                f"it asks for namespace {plain(matcher.value, 63)}, and a query gate sees its own, {namespace}, only"
            )
    # After the matchers come a modifier `@` and an offset, which have no braces.
    text, matcher_text = node.prettify(), f'{_NAMESPACE}="{namespace}"'
    head, brace, modifiers = text.rpartition("}")
    if brace:
        return parse(f"{head},{matcher_text}}}{modifiers}")
    name, space, modifiers = text.partition(" ")
    return parse(f"{name}{{{matcher_text}}}{space}{modifiers}")


def _selectors(tree: Expr) -> Iterator[VectorSelector]:
    found: list[Expr] = []
    walk(tree, found.append)
    return (node for node in found if isinstance(node, VectorSelector))


def _is_confined(selector: VectorSelector, namespace: str) -> bool:
    return not selector.matchers.or_matchers and any(
        matcher.name == _NAMESPACE and matcher.op == MatchOp.Equal and matcher.value == namespace
        for matcher in selector.matchers.matchers
    )
