"""Every parser of our own holds what it promises of any bytes: at random, and by changes to good
ones. ``make fuzz`` looks for more, guided by what the code has done (tests/fuzz)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import Size
from tests.fuzz.targets import TARGETS

EXAMPLES = {"quick": 60, "full": 5000, "soak": 50_000}
SIGNS = b"{}[]()<>:;,.=&%?/\\\"'`|-+*~@!#$^_ \t\r\n\x00\xff\xc3\xa50123456789abcdefEnNuUxX"


def changed(seed: bytes) -> st.SearchStrategy[bytes]:
    """A good text with a few pieces taken out, doubled, or replaced."""
    size = len(seed)
    pieces = st.one_of(
        st.binary(max_size=4),
        st.lists(st.sampled_from([bytes([sign]) for sign in SIGNS]), max_size=6).map(b"".join),
        st.tuples(st.integers(0, size), st.integers(0, size)).map(
            lambda at: seed[min(at) : max(at)]
        ),
    )
    edits = st.lists(st.tuples(st.integers(0, size), st.integers(0, 8), pieces), max_size=4)

    def edited(made: list[tuple[int, int, bytes]]) -> bytes:
        text = seed
        for at, length, piece in made:
            text = text[:at] + piece + text[at + length :]
        return text

    return edits.map(edited)


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_holds_what_it_promises_of_any_bytes(name: str, size: Size) -> None:
    target = TARGETS[name]
    texts = st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
    anything = st.one_of(st.binary(max_size=60), texts, *map(changed, target.seeds))

    @settings(
        max_examples=EXAMPLES[size], deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(anything)
    @example(b"")
    def holds(data: bytes) -> None:
        target.run(data)

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_the_bytes_from_which_fuzzing_begins_are_good(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)
