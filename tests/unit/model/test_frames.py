"""Frames are cut from a stream wherever its pieces end."""

from __future__ import annotations

import pytest

from firesteel.model import frames
from firesteel.model.message import Message


def run(number: int, size_bytes: int) -> frames.Run:
    message = Message(f"{number:032x}", number, 1, None, b"", bytes(size_bytes))
    return frames.Run(number, 1, f"{number:032x}-1", 1, 1, 60.0, message, [])


SENT = [run(1, 10), frames.Cancel(1, 1), run(2, 40_000), run(3, 0), frames.Drain()]
STREAM = b"".join(frames.encode(frame) for frame in SENT)


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100, 4096, 16_384, 40_000, len(STREAM)])
def test_frames_come_whole_and_in_order_whatever_pieces_they_come_in(size: int) -> None:
    reader = frames.worker_frames()
    found: list[frames.Frame] = []
    for start in range(0, len(STREAM), size):
        found += reader.feed(STREAM[start : start + size])
    assert found == SENT


def test_a_frame_over_the_limit_is_refused_before_it_has_come() -> None:
    reader = frames.worker_frames()
    length = (frames.LIMIT_BYTES + 1).to_bytes(4, "big")
    assert reader.feed(frames.encode(frames.Drain()) + length[:3]) == [frames.Drain()]
    with pytest.raises(ValueError, match="limit"):
        reader.feed(length[3:])
