"""The key file in the data directory: made, read, and replaced by the next key.

A key that is to come lies beside it until the store can be opened with it, and the one before stays
beside it afterwards, for back-ups of its time. Each file appears whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from firesteel.engine.data_keys import Envelope, key_id, missing_key
from firesteel.errors import OperatorError
from firesteel.model.encryption_key import KEY_BYTES, parse_key, written_key

KEY_FILE = "encryption.key"
NEXT_FILE = "encryption.key.next"
FORMER_FILES = "encryption.key.before-"


def load_or_create(data_dir: Path) -> bytes:
    """The key in the data directory's key file, which is made (mode 0600) where there is none.

    Of two nodes that start at once one wins. Raises OperatorError ``encryption_key_invalid``,
    ``encryption_key_exposed`` where others may read it.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise _unusable(error) from error
    return _read(path)


def load(data_dir: Path) -> bytes:
    """The key in the data directory's key file, of a store that has its key already: none is made,
    or it would be taken for the one that is missing. Raises OperatorError ``wrong_encryption_key``
    where there is none, and as ``load_or_create``."""
    path = data_dir / KEY_FILE
    if not path.exists():
        raise missing_key()
    return _read(path)


def forget(data_dir: Path, encryption_key: bytes) -> None:
    """Take a key away that was made in vain: the store got another one in the same moment."""
    path = data_dir / KEY_FILE
    if _read(path) == encryption_key:
        path.unlink()


def write_next(data_dir: Path, encryption_key: bytes) -> None:
    """Lay down the key that is to come; one that was left there is replaced. Raises
    OperatorError ``encryption_key_invalid``."""
    path = data_dir / NEXT_FILE
    try:
        path.unlink(missing_ok=True)
        _create(path, encryption_key)
    except OSError as error:
        raise _unusable(error) from error


def take_over_next(data_dir: Path) -> str:
    """Let the key that was to come be the key; the name of the file that the one before is kept
    in. Ended at any moment, it can be done again."""
    path = data_dir / KEY_FILE
    former = data_dir / f"{FORMER_FILES}{key_id(_read(path)).hex()}"
    try:
        if not former.exists():
            os.link(path, former)
        (data_dir / NEXT_FILE).replace(path)
        _flush_directory(data_dir)
    except OSError as error:
        raise _unusable(error) from error
    return former.name


def put_key(data_dir: Path, encryption_key: bytes) -> str:
    """Let this key be the key, of a store that was brought here; another one that lies there is
    kept, in the file whose name is returned (empty: none was). Raises OperatorError
    ``encryption_key_invalid``."""
    path = data_dir / KEY_FILE
    if not path.exists():
        try:
            _create(path, encryption_key)
        except OSError as error:
            raise _unusable(error) from error
        return ""
    if _read(path) == encryption_key:
        return ""
    write_next(data_dir, encryption_key)
    return take_over_next(data_dir)


def read_key(path: Path) -> bytes:
    """The key in a file anywhere. Raises OperatorError ``encryption_key_invalid``,
    ``encryption_key_exposed``."""
    return _read(path)


def settled(data_dir: Path, envelope: Envelope) -> bytes:
    """The key, after a change that was cut off has been ended one way or the other: the next key
    is the key where the store opens with it, and forgotten where it does not. Raises as
    ``load``."""
    key = load(data_dir)
    path = data_dir / NEXT_FILE
    if not path.exists():
        return key
    following = _read(path)
    if envelope.opens_with(following):
        take_over_next(data_dir)
        return following
    try:
        path.unlink()
    except OSError as error:
        raise _unusable(error) from error
    return key


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii", "replace")
    except OSError as error:
        raise _unusable(error) from error
    if mode & 0o077:
        raise OperatorError(
            f"others may read {path.name}: give it mode 0600",
            code="encryption_key_exposed",
        )
    try:
        return parse_key(text)
    except ValueError as error:
        raise OperatorError(
            f"{path.name} in the data directory {error}", code="encryption_key_invalid"
        ) from error


def _create(path: Path, encryption_key: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(written_key(encryption_key) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # unlike a rename, never replaces another node's key
        except FileExistsError:
            return
        _flush_directory(path.parent)
    finally:
        Path(name).unlink()


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(error: OSError) -> OperatorError:
    file = f" {error.filename}" if error.filename else ""
    return OperatorError(
        f"the encryption key file{file} cannot be read or made: {error.strerror}",
        code="encryption_key_invalid",
    )
