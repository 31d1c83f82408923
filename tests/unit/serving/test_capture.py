"""Inputs are kept only where somebody asks for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout_serving import Capture


@given(request=st.text(), confidence=st.none() | st.floats(0, 1), shadow=st.booleans())
def test_nothing_is_captured_unasked(request: str, confidence: float | None, shadow: bool) -> None:
    assert not Capture().wants(request, confidence, shadow)


def test_what_is_unsure_is_captured() -> None:
    capture = Capture(unsure_below=0.6)
    assert [capture.wants("a", sure, False) for sure in (0.59, 0.6, None)] == [True, False, False]


def test_mirrored_copies_are_captured_for_disagreements() -> None:
    capture = Capture(disagreement=True)
    assert [capture.wants("a", 1.0, shadow) for shadow in (True, False)] == [True, False]


def test_a_sample_is_the_same_for_champion_and_shadow() -> None:
    capture = Capture(sample=0.1)
    drawn = {number for number in range(10_000) if capture.wants(f"request-{number}", None, False)}
    assert drawn == {number for number in range(10_000) if capture.wants(f"request-{number}", 0.4, True)}
    assert 850 < len(drawn) < 1150


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_are_shares(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Capture(sample=share)
