"""Text of others on its way to a status, an event, a log or a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.text import plain, printable

anything = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ValueError: no such file", "ValueError: no such file"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hyou are root", "you are root"),
        ("\x1b]0;new title\x07done", "done"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$rdevice\x1b\\control", "control"),
        ("\x9b31mred\x9d0;title\x9cdone", "reddone"),
        ("\x1b]0;a title that never ends", ""),
        ("half a sequence\x1b", "half a sequence"),
        ("bell\x07 and back\x08space \x00nul \x7fdel", "bell and backspace nul del"),
        ("first\nsecond\r\nthird\rfourth\u2028fifth\x85sixth", "first second third fourth fifth sixth"),
        ("  much\t\t space  ", "much space"),
        (
            "right\u202eto left\u2066isolated\u2069, zero\u200bwidth, \ufeffmark",
            "rightto leftisolated, zerowidth, mark",
        ),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("größer als 5 % → 中文 🙂", "größer als 5 % → 中文 🙂"),
    ],
)
def test_a_line_holds_nothing_that_a_terminal_would_act_upon(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://jane:hunter2@prometheus.example/api failed", "GET https://***@prometheus.example/api failed"),
        ("header value: 'Bearer 0123456789abcdef\\nline'", "header value: 'Bearer ***'"),
        ("Authorization: Basic amFuZTpodW50ZXIyMTIz", "Authorization: Basic ***"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln of it", "got *** of it"),
        ("?token=0123456&step=15", "?token=***&step=15"),
        ('{"password": "hunter2"}', '{"password": "***"}'),
        ("a bearer token is needed", "a bearer token is needed"),
        ("basic authentication failed", "basic authentication failed"),
    ],
)
def test_credentials_that_an_error_quotes_are_masked(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert plain("word " * 10, longest=12) == "word word w…"
    assert plain("x" * 12, longest=12) == "x" * 12
    assert len(plain("x" * 5000)) == 2048


def test_lines_and_tabs_stay_where_more_than_a_line_is_shown() -> None:
    assert printable("Traceback:\n\tat \x1b[1mhere\x1b[0m\r\n") == "Traceback:\n\tat here\n"


@given(anything, st.integers(2, 80))
def test_any_text_becomes_a_bounded_printable_line_and_stays_it(text: str, longest: int) -> None:
    line = plain(text, longest)
    assert len(line) <= longest
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert plain(line, longest) == line
    line.encode()
