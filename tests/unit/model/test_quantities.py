"""Durations, sizes and rates read as written and write back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.quantities import (
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)

WRITTEN_DURATIONS = {
    "0s": 0,
    "500ms": 0.5,
    "1500ms": 1.5,
    "10s": 10,
    "60s": 60,
    "90s": 90,
    "5m": 300,
    "15m": 900,
    "1h": 3600,
    "24h": 86_400,
    "96h": 345_600,
    "30d": 2_592_000,
}


@pytest.mark.parametrize(("text", "seconds"), WRITTEN_DURATIONS.items())
def test_durations_of_the_reference_are_read_and_written_alike(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 s", "5S", "1.5s", "-5s", "+5s", "s", "5sec", "5m30s", "\u0665s", "5s\n", "1w"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "10", "10MB", "10mib", "10 MiB", "1.5MiB", "-1B", "KiB", "10TiB", "1MiB\n"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10MiB"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "5", "0/s", "5/d", "5 /s", "0.5/s", "-1/s", "/s", "5/s\n"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/s"):
        parse_rate(text)


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_every_duration_to_the_millisecond_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_every_size_reads_back(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(st.integers(min_value=1, max_value=999_999_999), st.sampled_from("smh"))
def test_every_rate_that_can_be_written_reads_back(number: int, unit: str) -> None:
    per_second = parse_rate(f"{number}/{unit}")
    assert parse_rate(format_rate(per_second)) == per_second


@given(st.text(max_size=12))
def test_any_other_text_is_a_value_error_and_nothing_else(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_rate):
        try:
            assert parse(text) >= 0
        except ValueError:
            continue


def test_a_rate_between_whole_numbers_and_negative_values_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        format_rate(0.00001)
    with pytest.raises(ValueError, match="not negative"):
        format_duration(-1)
    with pytest.raises(ValueError, match="not negative"):
        format_size(-1)


def test_a_duration_is_as_long_as_seconds_are_exact() -> None:
    assert format_duration(parse_duration("99999999d")) == "99999999d"
    assert parse_duration(format_duration(parse_duration("863999999999s"))) == 863999999999
    with pytest.raises(ValueError, match="at most 100000000d"):
        parse_duration("755555555555d")
