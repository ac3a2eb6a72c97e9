"""The key file is made once, read by nobody else, and replaced in one moment (P35)."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.engine import key_file
from firesteel.engine.data_keys import DataKeys, Envelope, key_id, sealed_under
from firesteel.engine.key_file import (
    KEY_FILE,
    NEXT_FILE,
    load_or_create,
    settled,
    take_over_next,
    write_next,
)
from firesteel.errors import OperatorError
from firesteel.model.encryption_key import parse_key, written_key


def test_the_key_file_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_nodes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create, [tmp_path] * 16))
    assert len(set(keys)) == 1


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(OperatorError) as caught:
        load_or_create(tmp_path)
    assert caught.value.code == "encryption_key_exposed"


def test_a_key_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(OperatorError) as caught:
        load_or_create(tmp_path)
    assert caught.value.code == "encryption_key_invalid"
    assert "not a key" not in caught.value.detail


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_was_written(key: bytes) -> None:
    assert parse_key(written_key(key)) == key


NEXT = b"n" * 32


def envelope(*keys: bytes) -> Envelope:
    made = DataKeys.made(0)
    sealed: dict[str, str] = {}
    for key in keys:
        sealed |= sealed_under(key, made)
    return Envelope(sealed)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_the_next_key_takes_over_and_the_one_before_stays_beside_it(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    write_next(tmp_path, b"x" * 32)
    write_next(tmp_path, NEXT)
    assert load_or_create(tmp_path) == key
    former = take_over_next(tmp_path)
    assert load_or_create(tmp_path) == NEXT
    assert former == f"encryption.key.before-{key_id(key).hex()}"
    assert parse_key((tmp_path / former).read_text()) == key
    assert {path.name for path in tmp_path.iterdir()} == {KEY_FILE, former}
    assert modes(tmp_path) == {0o600}


def test_a_take_over_that_was_cut_off_is_ended_where_the_store_opens_with_the_next_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = load_or_create(tmp_path)
    write_next(tmp_path, NEXT)

    def cut_off(_self: Path, _target: Path) -> Path:
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", cut_off)
        with pytest.raises(OperatorError) as caught:
            take_over_next(tmp_path)
        assert caught.value.code == "encryption_key_invalid"
    assert load_or_create(tmp_path) == key
    assert settled(tmp_path, envelope(key, NEXT)) == NEXT
    assert settled(tmp_path, envelope(NEXT)) == NEXT
    assert not (tmp_path / NEXT_FILE).exists()


def test_a_next_key_that_the_store_does_not_know_is_forgotten(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    write_next(tmp_path, NEXT)
    assert settled(tmp_path, envelope(key)) == key
    assert [path.name for path in tmp_path.iterdir()] == [key_file.KEY_FILE]
