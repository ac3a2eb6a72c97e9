"""What is shared is bounded, and a flood of one leaves some to the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firesteel.shares import Room, Turns

LIMIT = 1000
ACTS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 400), st.booleans()), min_size=1, max_size=60
)


@given(ACTS)
def test_whoever_takes_leaves_as_much_or_the_last_quarter(
    acts: list[tuple[int, int, bool]],
) -> None:
    room = Room(LIMIT)
    shares = {number: room.share_of(number) for number in range(1, 6)}
    held: list[tuple[int, int]] = []
    for number, size, gives_back in acts:
        share = shares[number]
        if gives_back and held:
            other, taken = held.pop(0)
            room.give_back(shares[other], taken)
        fits = room.fits(share, size)
        taken_now = room.take(share, size)
        assert fits == (taken_now is not None)
        if taken_now is None:
            continue
        held.append((number, taken_now))
        left = LIMIT - room.held
        assert left >= share.held or left >= LIMIT // 4
    assert room.held == sum(share.held for share in shares.values()) < LIMIT
    assert room.held == sum(taken for _, taken in held)


def test_the_share_of_a_trigger_is_the_same_as_long_as_anybody_keeps_it() -> None:
    room = Room(LIMIT)
    share = room.share_of(1)
    assert room.share_of(1) is share
    assert room.share_of(2) is not share


def test_one_may_take_several_times_what_is_left() -> None:
    room = Room(8, times=3)
    flooded, other = room.share_of(1), room.share_of(2)
    while room.take(flooded, 1) is not None:
        pass
    assert flooded.held == 6
    assert room.take(other, 1) == 1


class Waiting:
    """What waits, and in which order it began."""

    def __init__(self, limit: int) -> None:
        self.turns = Turns(Room(limit))
        self.begun: list[str] = []
        self._taken: dict[str, tuple[int, int]] = {}

    def wait(self, name: str, number: int, size: int, *, wanted: bool = True) -> None:
        def begin(taken: int) -> bool:
            self.begun.append(name)
            self._taken[name] = number, taken
            return wanted

        self.turns.wait(self.turns.room.share_of(number), size, begin)

    def end(self, name: str) -> None:
        number, taken = self._taken[name]
        self.turns.give_back(self.turns.room.share_of(number), taken)


def test_shares_take_turns_and_keep_their_own_order() -> None:
    waiting = Waiting(100)
    keep = [waiting.turns.room.share_of(number) for number in (1, 2, 3)]
    waiting.wait("a", 1, 70)
    for name in ("b", "c", "d"):
        waiting.wait(name, 1, 70)
    waiting.wait("e", 2, 70)
    assert waiting.begun == ["a"]
    waiting.end("a")
    assert waiting.begun == ["a", "b"]
    waiting.end("b")
    assert waiting.begun == ["a", "b", "e"]
    assert [share.held for share in keep] == [0, 70, 0]


def test_one_that_finds_no_room_is_not_passed_by_smaller_ones() -> None:
    waiting = Waiting(100)
    keep = [waiting.turns.room.share_of(number) for number in range(1, 4)]
    waiting.wait("small", 1, 20)
    waiting.wait("large", 2, 90)
    waiting.wait("smaller", 3, 10)
    assert waiting.begun == ["small"]
    waiting.end("small")
    assert waiting.begun == ["small", "large", "smaller"]
    assert keep[1].held == 75


def test_what_is_no_longer_wanted_leaves_its_room_to_the_next() -> None:
    waiting = Waiting(100)
    keep = waiting.turns.room.share_of(1)
    waiting.wait("a", 1, 100)
    waiting.wait("gone", 1, 100, wanted=False)
    waiting.wait("b", 1, 100)
    waiting.end("a")
    assert waiting.begun == ["a", "gone", "b"]
    assert keep.held == 75
