"""Which trace a message belongs to."""

from __future__ import annotations

import pytest

from firesteel.model.message import Request
from firesteel.worker.trace_context import trace_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def read(*headers: tuple[bytes, bytes]) -> tuple[str, str, bool, str]:
    return tuple(trace_of(Request("GET", "/", b"", list(headers)), "message"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
    ],
)
def test_a_valid_caller_s_trace_is_taken_over(text: str, sampled: bool) -> None:
    state = (b"tracestate", b"a=1,b=2")
    found = read((b"traceparent", text.encode()), state)
    assert found == (TRACE, SPAN, sampled, "a=1,b=2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_an_invalid_one_counts_as_none(text: str) -> None:
    own = read()
    assert read((b"traceparent", text.encode()), (b"tracestate", b"a=1")) == own
    assert own[1:] == ("", True, "")
    assert len(own[0]) == 32


def test_a_state_that_is_too_long_or_no_text_is_not_passed_on() -> None:
    parent = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    for state in (b"a=" + b"x" * 511, b"a=\xff", b"a=\x01"):
        assert read(parent, (b"tracestate", state))[3] == ""
