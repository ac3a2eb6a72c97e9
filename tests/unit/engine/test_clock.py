"""The engine's ids."""

from __future__ import annotations

from firesteel.engine.clock import SystemClock


def test_ids_are_uuids_of_version_7_and_never_the_same() -> None:
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert all(len(id) == 32 and id[12] == "7" and id[16] in "89ab" for id in ids)
