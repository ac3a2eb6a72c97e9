"""API keys: generated with prefix and checksum, pasted with bounds (P47)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.errors import CallerError
from firesteel.model.api_key import (
    check_consumer_name,
    check_label,
    check_pasted,
    display_prefix,
    expiry_day,
    expiry_us,
    generated_key,
    is_generated,
)

ENTROPY = st.binary(min_size=32, max_size=32)


@given(ENTROPY)
def test_a_generated_key_is_recognised_and_keeps_its_256_bits(entropy: bytes) -> None:
    key = generated_key(entropy)
    assert len(key) == 53
    assert is_generated(key)
    assert check_pasted(key) is None
    assert key != generated_key(bytes([entropy[0] ^ 1]) + entropy[1:])


@given(ENTROPY, st.integers(4, 52), st.sampled_from("0aZ-é"))
def test_a_key_with_one_character_changed_is_not_recognised(
    entropy: bytes, place: int, character: str
) -> None:
    key = generated_key(entropy)
    changed = key[:place] + character + key[place + 1 :]
    assert is_generated(changed) == (changed == key)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_too_little_entropy_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        generated_key(b"x" * length)


@pytest.mark.parametrize(
    "secret", ["", "1234567", "x" * 513, "with space", "umlaut-ä-key", "a\nb" * 4]
)
def test_a_pasted_key_that_cannot_be_carried_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(CallerError) as caught:
        check_pasted(secret)
    assert caught.value.code == "key_invalid"
    assert not secret or secret not in caught.value.detail


def test_a_short_pasted_key_is_taken_with_a_warning() -> None:
    assert "shorter than 20" in (check_pasted("demo-key") or "")
    assert check_pasted("x" * 20) is None


def test_a_key_that_was_cut_when_copied_is_warned_of() -> None:
    key = generated_key(b"\x07" * 32)
    assert "checksum" in (check_pasted(key[:-1]) or "")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=512))
def test_what_is_shown_of_a_pasted_key_is_at_most_a_quarter(secret: str) -> None:
    shown = display_prefix(secret)
    assert secret.startswith(shown)
    assert len(shown) * 4 <= len(secret) or is_generated(secret)


def test_a_generated_key_shows_its_prefix_and_four_characters() -> None:
    assert len(display_prefix(generated_key(b"\x07" * 32))) == 8


@pytest.mark.parametrize("check", [check_label, check_consumer_name])
@pytest.mark.parametrize(
    "character",
    [*"\x00\x1b\x7f\x85\xad\u061c\u200b\u200d\u200f\u2028\u202e\u2066\u2069\ufeff\U000e0041"],
)
def test_a_name_has_nothing_in_it_that_is_not_seen(
    check: Callable[[str], str], character: str
) -> None:
    for name in (f"AC{character}ME", f"{character}ACME", f"ACME{character}"):
        with pytest.raises(CallerError) as caught:
            check(name)
        assert caught.value.code == "name_invalid"
        assert character not in caught.value.detail


@pytest.mark.parametrize("check", [check_label, check_consumer_name])
@pytest.mark.parametrize(
    "name", ["web shop", "Łódź", "日本", "שלום", "a\u0301", "ACME (2) & Co.", "🚀"]
)
def test_a_name_of_any_script_is_taken_as_it_is(check: Callable[[str], str], name: str) -> None:
    assert check(name) == name


def test_a_key_is_taken_until_the_end_of_its_last_day_in_utc() -> None:
    assert expiry_us("1970-01-01") == 86_400 * 1_000_000
    assert expiry_day(expiry_us("2027-06-30")) == "2027-06-30"


@pytest.mark.parametrize(
    "day", ["", "2027-6-30", "2027-02-30", "20270630", "9999-12-31", "tomorrow"]
)
def test_an_expiry_that_is_no_date_is_refused(day: str) -> None:
    with pytest.raises(CallerError) as caught:
        expiry_us(day)
    assert caught.value.code == "expiry_invalid"
