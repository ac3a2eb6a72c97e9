"""The gateway's small rules by themselves: Prefer and rate limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.gateway.prefer import Preference, read_prefer
from firesteel.gateway.rate_limit import RateLimiter, policy_of
from firesteel.model.trigger import RateLimit


@pytest.mark.parametrize(
    ("header", "preference"),
    [
        (b"respond-async", Preference(0.0, "respond-async")),
        (b"Respond-Async; x=1", Preference(0.0, "respond-async")),
        (b"wait=5", Preference(5.0, "wait=5")),
        (b'wait="5"', Preference(5.0, "wait=5")),
        (b"respond-async, wait=10", Preference(10.0, "wait=10")),
        (b"wait = 10 , respond-async", Preference(10.0, "wait=10")),
        (b"wait=1, wait=2", Preference(1.0, "wait=1")),
        (b'return=minimal; a="x, wait=3", wait=4', Preference(4.0, "wait=4")),
        (b"wait=0", Preference(0.0, "wait=0")),
        (b"wait=-1", None),
        (b"wait=1.5", None),
        (b"wait=", None),
        (b"wait=x, respond-async", Preference(0.0, "respond-async")),
        (b"return=minimal", None),
        (b"", None),
        (None, None),
        (b"\xff;;=,", None),
    ],
)
def test_prefer_is_read_as_rfc_7240_says(
    header: bytes | None, preference: Preference | None
) -> None:
    assert read_prefer(header) == preference


@given(st.binary(max_size=200))
def test_no_prefer_header_fails(header: bytes) -> None:
    read_prefer(header)


class Limited:
    """A rate limiter with a clock that the test moves."""

    def __init__(self, limit: int = 100) -> None:
        self.now = 1000.0
        self.limiter = RateLimiter(lambda: self.now, limit=limit)

    def take(self, rule: RateLimit, trigger_no: int = 1, consumer: str | None = "a") -> int:
        return self.limiter.take(rule, trigger_no, consumer).wait_s


def test_the_burst_is_what_the_rate_allows_in_one_second() -> None:
    limited, rule = Limited(), RateLimit(rate=5.0)
    assert [limited.take(rule) for _ in range(6)] == [0, 0, 0, 0, 0, 1]


def test_a_rate_below_one_a_second_lets_one_call_in_and_says_how_long_to_wait() -> None:
    limited, rule = Limited(), RateLimit(rate=20 / 60)
    assert [limited.take(rule) for _ in range(2)] == [0, 3]
    limited.now += 3
    assert [limited.take(rule) for _ in range(2)] == [0, 3]


def test_refused_calls_cost_nothing() -> None:
    limited, rule = Limited(), RateLimit(rate=1.0)
    assert [limited.take(rule) for _ in range(1000)] == [0] + [1] * 999
    limited.now += 1
    assert limited.take(rule) == 0


def test_consumers_are_counted_apart_or_together_as_the_trigger_says() -> None:
    limited = Limited()
    apart, together = RateLimit(rate=1.0), RateLimit(rate=1.0, per="trigger")
    assert [limited.take(apart, 1, consumer) for consumer in "aba"] == [0, 0, 1]
    assert [limited.take(together, 2, consumer) for consumer in "aba"] == [0, 1, 1]


def test_of_several_gateways_each_lets_its_part_through() -> None:
    limited, rule = Limited(), RateLimit(rate=6.0)
    limited.limiter.gateways = 3
    assert [limited.take(rule) for _ in range(3)] == [0, 0, 1]
    limited.now += 0.5
    assert [limited.take(rule) for _ in range(2)] == [0, 1]


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 20), st.integers(1, 20))
def test_no_more_than_burst_and_rate_allow_get_through(
    pauses: list[float], rate: int, burst: int
) -> None:
    limited, rule = Limited(), RateLimit(rate=float(rate), burst=burst)
    taken = 0
    for pause in pauses:
        limited.now += pause
        taken += limited.take(rule) == 0
    assert taken <= burst + rate * (limited.now - 1000.0) + 1e-6


def test_the_number_of_buckets_is_bounded() -> None:
    limited, rule = Limited(limit=10), RateLimit(rate=1.0)
    for number in range(100):
        assert limited.take(rule, 1, str(number)) == 0
    assert limited.take(rule, 1, "99") == 1


def test_each_answer_tells_what_is_left_and_when_one_more_comes() -> None:
    limited, rule = Limited(), RateLimit(rate=20 / 60, burst=3)
    policy = policy_of(rule)
    assert policy == b'ratelimit-policy: "consumer";q=3;w=9\r\n'

    def told() -> tuple[int, bytes]:
        taken = limited.limiter.take(rule, 1, "a", policy)
        assert taken.headers.startswith(policy)
        return taken.wait_s, taken.headers.removeprefix(policy)

    assert told() == (0, b'ratelimit: "consumer";r=2;t=3\r\n')
    assert told() == (0, b'ratelimit: "consumer";r=1;t=3\r\n')
    limited.now += 1
    assert told() == (0, b'ratelimit: "consumer";r=0;t=2\r\n')
    assert told() == (2, b'ratelimit: "consumer";r=0;t=2\r\n')
    limited.now += 60
    assert told() == (0, b'ratelimit: "consumer";r=2;t=3\r\n')


@given(st.lists(st.floats(0, 3), min_size=1, max_size=50), st.integers(1, 20), st.integers(1, 10))
def test_as_many_calls_as_are_told_to_be_left_get_through(
    pauses: list[float], rate: int, burst: int
) -> None:
    limited, rule = Limited(), RateLimit(rate=float(rate), burst=burst, per="trigger")
    for pause in pauses:
        limited.now += pause
        taken = limited.limiter.take(rule, 1, None)
        left = int(taken.headers.partition(b";r=")[2].partition(b";")[0])
        assert 0 <= left < burst
        if taken.wait_s:
            assert left == 0
    for _ in range(left):
        assert limited.take(rule, consumer=None) == 0


@pytest.mark.parametrize(
    ("rule", "policy"),
    [
        (RateLimit(rate=100.0), b'"consumer";q=100;w=1'),
        (RateLimit(rate=100.0, burst=500, per="trigger"), b'"trigger";q=500;w=5'),
        (RateLimit(rate=1000 / 3600), b'"consumer";q=1;w=4'),
    ],
)
def test_a_policy_is_the_burst_and_the_time_in_which_it_comes_back(
    rule: RateLimit, policy: bytes
) -> None:
    assert policy_of(rule) == b"ratelimit-policy: " + policy + b"\r\n"
