"""A query gate sees its own namespace, however its expression is written."""

import pytest
from promql_parser import parse

from modelrollout.metrics.prometheus.confinement import NotConfined, confined


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x", 'x{namespace="ml"}'),
        ("a:b offset 5m", 'a:b{namespace="ml"} offset 5m'),
        ('{__name__=~".+"} # {{pods}}', '{__name__=~".+",namespace="ml"}'),
        ('{"with.dots"}', '{__name__="with.dots",namespace="ml"}'),
        ('x{namespace=~"ot.*"}', 'x{namespace="ml",namespace=~"ot.*"}'),
        ('x{namespace!="ml"}', 'x{namespace!="ml",namespace="ml"}'),
        ('x{a="} @ y{"} @ 1 offset -5m', 'x{a="} @ y{",namespace="ml"} @ 1.000 offset -5m'),
        ('x{a="\\"} or y{b=\\""}', 'x{a="\\"} or y{b=\\"",namespace="ml"}'),
        (r"x{pod=~`a\.b\d`}", r'x{namespace="ml",pod=~"a\\.b\\d"}'),
        ("rate(x[5m] offset 1m) / on (pod) y", 'rate(x{namespace="ml"}[5m] offset 1m) / on (pod) y{namespace="ml"}'),
        ("max_over_time((1 - x)[5m:1m])", 'max_over_time((1 - x{namespace="ml"})[5m:1m])'),
        ("absent(x) or vector(1)", 'absent(x{namespace="ml"}) or vector(1)'),
        ("1 + 1", "1 + 1"),
    ],
)
def test_every_selector_gets_the_namespace(expression: str, expected: str) -> None:
    assert parse(confined(expression, "ml")).prettify() == parse(expected).prettify()


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (
            'sum(m{namespace="other"}) # {{pods}}',
            "it asks for namespace other, and a query gate sees its own, ml, only",
        ),
        ('x{"namespace"="other"}', "it asks for namespace other"),
        ('x{a="1" or namespace="other"}', "alternatives of matchers"),
        ("info(x)", "reads series that it does not name"),
        ("sum(x", "unclosed left parenthesis"),
        ("p99(x)", "unknown function"),
        ("x smoothed", "it is not PromQL that can be confined to a namespace"),
        ("(" * 4000 + "x" + ")" * 4000, "nested deeper"),
        ("-" * 8000 + "x", "operators"),
        ("1+" * 4000 + "x", "operators"),
    ],
)
def test_what_cannot_be_confined_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(NotConfined) as refused:
        confined(expression, "ml")

    assert reason in str(refused.value)
