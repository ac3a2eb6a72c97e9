"""Archives: what was written is found again, whatever a crash left, and erased where it must be."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from firesteel.store.archive import folder as archive
from firesteel.store.archive.erasing import count, erase
from firesteel.store.archive.frames import Damaged, Packing, append, frames
from firesteel.store.archive.reading import Wanted, find
from firesteel.store.archive.record import encoded, time_us

DAY = "2027-06-30"


def record(id: str, at: str = "08:00", payload: str = "kept", **more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "id": id,
        "workspace": "acme",
        "integration": "Orders",
        "sequence": 1,
        "received_at": f"{DAY}T{at}:00.000000Z",
        "consumer": "web shop",
        "lane": None,
        "search": {"order_no": f"W-{id}"},
        "payload": payload,
        "archived_at": f"{DAY}T23:00:00.000000Z",
        "request": {"method": "POST", "body": {"text": f"the body of {id}"}},
        "executions": [
            {
                "run": 1,
                "version": 1,
                "state": "failed",
                "attempts": 1,
                "settled_at": None,
                "replay_of": None,
                "failure": {"kind": "permanent", "code": "no", "step": None, "detail": "secret"},
                "response": {"status": 502},
            },
        ],
        **more,
    }


def put(
    folder: Path, *records: dict[str, Any], day: str = DAY, node: str = "", at: int = 1
) -> Path:
    """One frame with these."""
    folder.mkdir(exist_ok=True)
    packing = Packing()
    for one in records:
        packing.add(encoded(one), time_us(one["received_at"]))
    first = records[0]
    path = archive.path_of(folder, first["workspace"], first["integration"], day, node)
    append(path, packing.finish(at))
    return path


def ids(folder: Path, **wanted: Any) -> list[str]:
    return [one["id"] for one in find(folder, Wanted(**wanted))]


def test_what_was_written_is_found_the_latest_first(tmp_path: Path) -> None:
    path = put(tmp_path / "a", record("1"), record("2", "09:00"), at=1)
    put(tmp_path / "a", record("3", "10:00"), at=2)
    assert ids(tmp_path / "a") == ["3", "2", "1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("cut", [1, 5, 8, 60, 150, -1])
def test_a_torn_frame_is_passed_over_and_cut_off_by_the_next(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path / "a", record("1"))
    whole = path.read_bytes()
    put(tmp_path / "a", record("2"), at=2)
    torn = path.read_bytes()[len(whole) :][:cut]
    path.write_bytes(whole + torn)

    assert ids(tmp_path / "a") == ["1"]
    put(tmp_path / "a", record("3"), at=3)

    assert ids(tmp_path / "a") == ["3", "1"]
    assert path.read_bytes().startswith(whole)


def test_a_last_frame_of_zeros_is_cut_off_by_the_next(tmp_path: Path) -> None:
    """As a power loss may leave it: the file has its length and not its bytes."""
    path = put(tmp_path / "a", record("1"))
    whole = path.read_bytes()
    put(tmp_path / "a", record("2"), at=2)
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes(40))

    put(tmp_path / "a", record("3"), at=3)

    assert path.read_bytes().startswith(whole)
    assert ids(tmp_path / "a") == ["3", "1"]


def test_a_damaged_frame_is_told_and_not_passed_over(tmp_path: Path) -> None:
    path = put(tmp_path / "a", record("1"))
    put(tmp_path / "a", record("2"), at=2)
    data = bytearray(path.read_bytes())
    with path.open("rb") as file:
        data[next(frames(file)).at + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(Damaged, match=f"{DAY}"):
        ids(tmp_path / "a")


def test_a_message_that_is_there_twice_is_found_once_with_its_payload(tmp_path: Path) -> None:
    put(tmp_path / "a", record("1"), record("2"), at=1)
    put(tmp_path / "a", record("2", sequence=7), node="n1", at=2)
    put(
        tmp_path / "a",
        record("1", payload="purged", request=None),
        record("3", payload="purged"),
        at=3,
    )

    found = {one["id"]: one for one in find(tmp_path / "a", Wanted())}

    assert {id: one["payload"] for id, one in found.items()} == {
        "1": "kept",
        "2": "kept",
        "3": "purged",
    }
    assert found["2"]["sequence"] == 7  # what was known last


def test_messages_are_found_by_what_is_known_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    put(folder, record("1", "08:00"), record("2", "09:00", consumer="ACME", sequence=2))
    put(folder, record("3", integration="Invoices"))
    put(folder, record("4", workspace="other"))
    at_nine = time_us(f"{DAY}T09:00:00.000000Z")
    assert ids(folder, workspace="acme") == ["3", "2", "1"]
    assert ids(folder, integration="Invoices") == ["3"]
    assert ids(folder, workspace="acme", from_us=at_nine) == ["2"]
    assert ids(folder, workspace="acme", until_us=at_nine) == ["3", "1"]
    assert ids(folder, from_us=at_nine + 86_400_000_000) == []
    assert ids(folder, consumer="ACME") == ["2"]
    assert ids(folder, sequence=2) == ["2"]
    assert ids(folder, search=("order_no", "W-1")) == ["1"]
    assert ids(folder, message_id="4") == ["4"]
    assert ids(folder, text="body of 2") == ["2"]
    assert ids(folder, state="succeeded") == []


def test_erasing_leaves_that_a_message_was_and_nothing_of_what_it_held(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    path = put(folder, record("1"), record("2", consumer="ACME"), at=1)
    put(folder, record("2", consumer="ACME", payload="purged"), at=2)
    put(folder, record("3"), at=3)
    other = put(folder, record("4", integration="Invoices"))
    untouched = other.read_bytes()
    told: list[tuple[int, int]] = []
    assert count(folder, Wanted(consumer="ACME")) == 1

    done = erase(folder, Wanted(consumer="ACME"), lambda now, of: told.append((now, of)))

    assert (done.messages, done.files) == (1, 1)
    assert told[-1] == (2, 2)
    (left,) = [one for one in find(folder, Wanted()) if one["id"] == "2"]
    assert left["payload"] == "erased"
    assert left["received_at"] == record("2")["received_at"]
    (execution,) = left["executions"]
    assert (execution["state"], execution["failure"]["code"]) == ("failed", "no")
    for secret in ("ACME", "body of 2", "W-2"):
        assert list(find(folder, Wanted(text=secret))) == []
    assert ids(folder, text="body of 1") == ["1"]
    assert other.read_bytes() == untouched
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name]
    assert erase(folder, Wanted(consumer="ACME"), lambda _now, _of: None).messages == 0


def test_what_an_archive_has_is_counted_by_integration(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    put(folder, record("1"), record("2"))
    put(folder, record("3"), day="2027-07-01")
    put(folder, record("4", integration="Invoices"))
    found = {one.integration: (one.messages, one.files) for one in archive.kept(folder)}
    assert found == {"Invoices": (1, 1), "Orders": (3, 2)}
    files, size_bytes = archive.size_bytes(folder)
    assert files == 3
    assert size_bytes == sum(one.path.stat().st_size for one in archive.files(folder))
    assert archive.size_bytes(tmp_path / "none") == (0, 0)
