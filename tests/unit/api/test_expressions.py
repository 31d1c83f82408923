"""PromQL of the user's own: placeholders are filled in where they stand, and what is no PromQL is said before apply."""

import pytest
from tests.cluster.manifest_cases import changed

from modelrollout.api.expressions import fault_of_expression, fill_in
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param('m{pod=~"{{pods}}"}', r"""m{pod=~"a\\d\"'-.*"}""", id="double quotes"),
        pytest.param("m{pod=~'{{pods}}'}", r"""m{pod=~'a\\d"\'-.*'}""", id="single quotes"),
        pytest.param("m{pod=~`{{pods}}`}", r"""m{pod=~`a\d"'-.*`}""", id="raw"),
        pytest.param("m{pod=~{{pods}}}", r"""m{pod=~"a\\d\"'-.*"}""", id="without quotes"),
        pytest.param('m{n="{{namespace}}",p=~"x|{{pods}}"}', r"""m{n="ml",p=~"x|a\\d\"'-.*"}""", id="both"),
        pytest.param(r'm{a="\"",n={{namespace}}}', r'm{a="\"",n="ml"}', id="an escaped quote ends no string"),
        pytest.param("m # all {{pods}}\n", "m # all {{pods}}\n", id="comment"),
        pytest.param('m{a="#{{namespace}}"}', 'm{a="#ml"}', id="a # within a string begins no comment"),
        pytest.param('m{a="{{namespace}}', 'm{a=""ml"', id="an open string is left for Prometheus to refuse"),
    ],
)
def test_placeholders_are_filled_in_as_their_surroundings_need(expression: str, expected: str) -> None:
    filled = fill_in(expression, namespace="ml", pods=r"""a\d"'-.*""")

    assert filled == expected


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("SELECT * FROM {{pods}}", "invalid promql query"),
        ('p99(x{pod=~"{{pods}}"})', "unknown function"),
        ('rate(x{pod=~"{{pods}}"})', "expected type matrix"),
        ('x{pod=~"{{pods}}", path!~"/a(b"}', "illegal regex"),
        ("(" * 40 + 'x{pod=~"{{pods}}"}' + ")" * 40, "nested deeper than 32 times"),
    ],
)
def test_what_is_no_promql_is_refused_by_lint_and_left_to_prometheus_once_it_is_stored(
    expression: str, fault: str
) -> None:
    manifest = changed({"spec": {"gates": [{"name": "q", "query": {"expression": expression, "max": 1}}]}})
    problems = parse_rollout(manifest, strict=True)
    assert isinstance(problems, list)
    [problem] = problems
    assert problem.field == "spec.gates[0].query.expression"
    assert problem.message.startswith("must be PromQL, but ")
    assert fault in problem.message
    assert isinstance(parse_rollout(manifest), ModelRollout)


@pytest.mark.parametrize(
    "expression",
    [
        'sum(rate(x{namespace="{{namespace}}",pod=~"{{pods}}"}[1m])) or vector(0)',
        "x{pod=~{{pods}}} # no quotes needed",
        "histogram_quantile(0.99, sum by (le) (rate(x_bucket{pod=~`{{pods}}`}[5m])))",
        '{"http.server.requests", pod=~"{{pods}}"}',
        'max_over_time(rate(x{pod=~"{{pods}}"}[1m])[10m:1m] @ end())',
    ],
)
def test_what_prometheus_takes_is_accepted(expression: str) -> None:
    assert fault_of_expression(expression) == ""
