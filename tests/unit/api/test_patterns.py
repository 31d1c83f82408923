"""Regular expressions of gates, held against RE2."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelrollout.api.gates.patterns import STATUS_CODES, Endpoints, StatusCodes
from modelrollout.api.regular_expressions import fault_of
from modelrollout.api.rules import APPLIED

CODES = list(STATUS_CODES)
CODE_PATTERNS = [
    r"5xx",
    r"5XX",
    r"500-599",
    r"5*",
    r"500,502",
    r">=500",
    r"5\d",
    r"5..",
    r"[45]..",
    r"500|503",
    r"(5..)",
    r"6..",
    r"0..",
    r"99",
    r"5..?",
    r"4",
    r"5...",
    r"5\d\d\z",
    r"\A4..\z",
    r"^5..$",
    r"(?i)5xx",
    r"!2..",
    r"[^2]..",
    r"429|5xx",
    r"5[0-9]{2}",
    r".",
]
NOT_RE2 = [
    r"(?>5..)",
    r"5..(?#any)",
    r"5.{0,2000}",
    r"a{99999999999}",
    r"a{1,99999999999}",
    r"\Z",
    r"(?=5)",
    r"(5)\1",
    r"5++",
    r"[",
    r"\C",
    r"(?P=n)",
    r"(?<=5)0",
    r"(?(1)a|b)",
    r"((((5{100}){100}){100}){100})",
]
WITHOUT_SLASH = ["predict", "^predict$", "(predict|v1/classify)", "v1/.*", "(?i)PREDICT", "a|b.*", "5..", "v1/a b"]
PATHS = ["/predict", "/v1/predict", "/a", "/", "/predict/b-c_d", "/V1"]


def accepts(annotated: object, pattern: str) -> bool:
    try:
        TypeAdapter(annotated).validate_python(pattern, context=APPLIED)
    except ValidationError:
        return False
    return True


def matches(pattern: str, texts: list[str]) -> bool:
    return any(re2.fullmatch(pattern, text) for text in texts)


@pytest.mark.parametrize("pattern", CODE_PATTERNS)
def test_codes_are_accepted_if_there_is_a_status_code_that_they_match(pattern: str) -> None:
    assert accepts(StatusCodes, pattern) == matches(pattern, CODES)


@given(st.lists(st.sampled_from([*"1459", ".", r"\d", "[45]", "|", "x", "-", "?", "*"]), min_size=1, max_size=6))
def test_no_codes_that_match_are_refused_and_none_that_do_not_accepted(parts: list[str]) -> None:
    pattern = "".join(parts)
    assert accepts(StatusCodes, pattern) == (not fault_of(pattern) and matches(pattern, CODES))


@pytest.mark.parametrize("pattern", WITHOUT_SLASH)
def test_endpoints_that_begin_without_a_slash_are_refused(pattern: str) -> None:
    assert not accepts(Endpoints, pattern)


@given(st.lists(st.sampled_from(["/", "predict", "v1", "(", ")", "|", ".", "*", "?", "[a-z]", "^", "a"]), max_size=7))
def test_no_endpoints_that_match_a_path_are_refused(parts: list[str]) -> None:
    pattern = "".join(parts)
    if pattern and not fault_of(pattern) and matches(pattern, PATHS):
        assert accepts(Endpoints, pattern)


@pytest.mark.parametrize("pattern", NOT_RE2)
def test_what_re2_does_not_understand_is_refused_with_a_reason(pattern: str) -> None:
    assert fault_of(pattern)
    assert not accepts(StatusCodes, f"5..|{pattern}")


@given(st.text(max_size=512))
def test_no_text_is_too_odd_to_be_told_whether_it_is_a_regular_expression(text: str) -> None:
    assert isinstance(fault_of(text), str)


@pytest.mark.parametrize("depth", [100, 3000, 100_000])
def test_depth_is_refused_or_taken_but_never_a_crash(depth: int) -> None:
    assert isinstance(fault_of("(" * depth + ")" * depth), str)
