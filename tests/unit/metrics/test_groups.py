"""Which series a bucket of a gate on drift is counted from."""

import pytest

from modelrollout.metrics.counting.groups import REST, by_value, with_status
from modelrollout.metrics.counting.series import Series, Unreadable


def series(pod: str = "a", **labels: str) -> Series:
    return Series({"__name__": "predictions_total", "pod": pod, **labels}, {})


def test_the_values_that_are_not_listed_are_one_bucket_and_so_is_none() -> None:
    yes, no, maybe, unlabelled = series(answer="yes"), series(answer="no"), series(answer="maybe"), series()

    groups = by_value([unlabelled, yes, maybe, no], "answer", ["no", "yes", "never"])

    assert list(groups.items()) == [("no", [no]), ("yes", [yes]), ("never", []), (REST, [unlabelled, maybe])]


def test_without_series_all_buckets_are_empty() -> None:
    assert by_value([], "answer", ["yes"]) == {"yes": [], REST: []}


@pytest.mark.parametrize(
    ("label", "known"),
    [("answer", "there is maybe, no"), ("anwser", "it is on no series")],
)
def test_a_label_or_values_that_do_not_occur_are_told(label: str, known: str) -> None:
    with pytest.raises(Unreadable, match=f"values of the label {label} so far: {known}"):
        by_value([series(answer="no"), series(answer="maybe")], label, ["yes"])


def test_what_failed_is_told_by_the_status_code_as_a_whole_wherever_prometheus_keeps_it() -> None:
    series = [
        Series({"http_response_code": "500"}, {}),
        Series({"http_response_code": "200"}, {}),
        Series({"http_response_code": "of-the-target", "exported_http_response_code": "503"}, {}),
        Series({}, {}),
    ]

    assert with_status(series, "5..") == [series[0], series[2]]
    assert with_status(series, "50") == []


@pytest.mark.parametrize("codes", ["a{99999999999}", "(", "(" * 3000])
def test_codes_that_are_no_expression_are_told(codes: str) -> None:
    with pytest.raises(Unreadable, match="no regular expression"):
        with_status([], codes)
