from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.step_result import (
    LIMIT_BYTES,
    ResultInvalid,
    as_json,
    decode_result,
    encode_result,
)

scalars: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.timezones().filter(lambda zone: zone.key == "UTC"))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(values)
def test_what_is_replayed_equals_what_was_returned(value: Any) -> None:
    replayed = decode_result(encode_result(value))
    assert replayed == value
    assert type(replayed) is type(value)


def test_exact_are_big_integers_decimals_and_sets() -> None:
    value = {"n": 2**5000, "d": Decimal("1.10"), "s": {1, 2}}
    replayed = decode_result(encode_result(value))
    assert replayed == value
    assert str(replayed["d"]) == "1.10"


@dataclass
class Unknown:
    number: int


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (Unknown(1), "result_invalid"),
        (object(), "result_invalid"),
        ("\ud800", "result_invalid"),
        ("x" * (LIMIT_BYTES + 1), "result_too_large"),
    ],
)
def test_what_cannot_be_journaled_is_refused(value: Any, code: str) -> None:
    with pytest.raises(ResultInvalid) as refused:
        encode_result(value)
    assert refused.value.code == code


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(1000):
        value = [value]
    with pytest.raises(ResultInvalid):
        encode_result(value)


def test_people_see_json() -> None:
    value = {
        1: b"\x00",
        "at": datetime(2026, 1, 2),  # noqa: DTZ001
        "on": date(2026, 1, 2),
        "t": time(1),
        "for": timedelta(seconds=1),
        "id": uuid.UUID(int=1),
        "d": Decimal("1.10"),
    }
    assert as_json(value) == {
        "1": "AA==",
        "at": "2026-01-02T00:00:00",
        "on": "2026-01-02",
        "t": "01:00:00",
        "for": "0:00:01",
        "id": "00000000-0000-0000-0000-000000000001",
        "d": "1.10",
    }
