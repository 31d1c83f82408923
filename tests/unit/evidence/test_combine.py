import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence import Guarantee, Judgement, Verdict, combine, eta_seconds, shares, unavailable
from modelrollout.evidence.combine import error_of_attempt
from modelrollout.evidence.verdict import percent_text, undecided_text

ALPHA = 0.01


def judgement(verdict=Verdict.UNDECIDED, log_e=0.0):
    return Judgement(verdict, Guarantee.EXACT, "says so", log_e, 0.0, 0.01, 0.01, 1.0, 100, 200.0)


PASS, UNDECIDED = judgement(Verdict.PASS), judgement()
FAIL = judgement(Verdict.FAIL, 6.0)
DOWN = unavailable("no answer from Prometheus")


@pytest.mark.parametrize(
    ("gates", "verdict", "named"),
    [
        ({"a": PASS, "b": PASS}, Verdict.PASS, ("a", "b")),
        ({"a": PASS, "b": UNDECIDED}, Verdict.UNDECIDED, ("b",)),
        ({"a": DOWN, "b": UNDECIDED}, Verdict.UNAVAILABLE, ("a",)),
        ({"a": DOWN, "b": FAIL}, Verdict.FAIL, ("b",)),
        ({"a": PASS, "b": FAIL}, Verdict.FAIL, ("b",)),
    ],
)
def test_one_regressed_gate_rolls_back_and_only_all_gates_promote(gates, verdict, named):
    decision = combine(gates, ALPHA)
    assert (decision.verdict, decision.gates) == (verdict, named)


def test_evidence_spread_over_gates_adds_up():
    nearly = judgement(log_e=-math.log(ALPHA) + 0.1)
    assert combine({"a": nearly, "b": nearly, "c": nearly}, ALPHA).verdict is Verdict.FAIL
    assert combine({"a": nearly, "b": UNDECIDED, "c": UNDECIDED}, ALPHA).verdict is Verdict.UNDECIDED


def test_weights_decide_how_much_a_gate_alone_can_say():
    strong = judgement(log_e=-math.log(ALPHA) + 0.3)
    gates = {"errors": strong, "drift": UNDECIDED}
    assert combine(gates, ALPHA, {"errors": 9, "drift": 1}).verdict is Verdict.FAIL
    assert combine(gates, ALPHA, {"errors": 1, "drift": 9}).verdict is Verdict.UNDECIDED


def test_a_gate_that_reaches_its_share_decides_the_whole():
    parts = shares({"errors": 3, "latency": 1}, ALPHA)
    assert math.fsum(parts.values()) == pytest.approx(ALPHA)
    weights = {"errors": 3.0, "latency": 1.0}
    at_its_level = replace(UNDECIDED, log_e_rollback=-math.log(parts["latency"]))
    assert combine({"errors": UNDECIDED, "latency": at_its_level}, ALPHA, weights).verdict is Verdict.FAIL


@given(error=st.floats(1e-6, 0.5), attempts=st.integers(1, 30))
def test_all_attempts_of_a_version_together_keep_the_declared_error_rate(error, attempts):
    spent = [error_of_attempt(error, attempt) for attempt in range(1, attempts + 1)]
    assert sum(spent) <= error * (1 + 1e-12)
    assert spent == sorted(spent, reverse=True)
    assert min(spent) > 0


def test_a_decision_without_gates_is_refused():
    with pytest.raises(ValueError, match="at least one gate"):
        combine({}, ALPHA)


@pytest.mark.parametrize(
    ("seen", "needed", "text"),
    [
        (1240, 3274.0, "undecided: 1 240 of about 3 300 requests needed"),
        (0, 7.4, "undecided: 0 of about 7 requests needed"),
        (1234567, 9876543.0, "undecided: 1 234 567 of about 9 900 000 requests needed"),
        (5, math.inf, "undecided: 5 requests; as it has been so far it would not pass"),
    ],
)
def test_progress_reads_as_a_person_would_say_it(seen, needed, text):
    assert undecided_text(seen, needed) == text


@pytest.mark.parametrize(("rate", "text"), [(0.0049, "0.49 %"), (0.5, "50 %"), (None, "no data")])
def test_rates_are_shown_as_percentages(rate, text):
    assert percent_text(rate) == text


@pytest.mark.parametrize(("missing", "rate", "seconds"), [(600, 10, 60), (0, 0, 0), (5, 0, math.inf)])
def test_the_time_left_follows_from_the_traffic(missing, rate, seconds):
    assert eta_seconds(missing, rate) == seconds
