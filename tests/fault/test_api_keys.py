"""P47, its whole sentence, on a real node: each clause is a question that has to be answered with
yes, and that a planted defect makes be answered with no."""

from __future__ import annotations

import base64
import contextlib
import itertools
import sqlite3
import string
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firesteel.engine.data_keys import KEY_ID_BYTES, NONCE_BYTES, DataKeys, Envelope
from firesteel.model.encryption_key import parse_key
from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

W = "/workspaces/test"
KEYS, CONSUMERS = f"{W}/integrations/Hook/keys", f"{W}/consumers"
WATCH = Path(__file__).parent / "secret_watch"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
MADE = 40
"""Keys of which each of the 256 bits must be both 0 and 1: by chance one is not in 1 of 10^9
runs."""

Clause = Callable[["Scene"], bool]
_numbers = itertools.count(1)


@dataclass
class Scene:
    """A node, the URL of its database ('' is its file), and what is told of each look-up."""

    node: RunningNode
    url: str
    watched: Path

    @classmethod
    @contextlib.contextmanager
    def set(cls, folder: Path, *defects: str, url: str = "") -> Iterator[Scene]:
        project = ProjectFolder(folder / "project")
        for name in ("Hook", "Other"):
            project.integration({"name": name})
        sources = [WATCH, *(PLANTED / name for name in defects)]
        environment = dict([together(folder / "customized", *sources)])
        environment |= {"FIRESTEEL_WORKERS": "1", "SECRET_WATCH": str(folder / "watched")}
        if url:
            environment["FIRESTEEL_DATABASE_URL"] = url
        with running_node(folder / "data", folder / "project", **environment) as node:
            yield cls(node, url, folder / "watched")

    def add(self, **wanted: Any) -> dict[str, Any]:
        """A key of the trigger."""
        body = {"label": f"k{next(_numbers)}", **wanted}
        added: dict[str, Any] = self.node.admin("POST", KEYS, json=body)
        return added

    def call(self, secret: str, trigger: str = "Hook") -> int:
        return self.node.call(trigger, headers={"x-api-key": secret}).status_code

    def refused(self, method: str, path: str, **request: Any) -> str:
        """The code of a refusal; '' where there was none."""
        try:
            self.node.admin(method, path, **request)
        except httpx2.HTTPStatusError as error:
            return str(error.response.json()["type"]).removeprefix("urn:firesteel:")
        return ""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the store itself has."""
        if self.url:
            with psycopg.connect(self.url.replace("+psycopg", "")) as postgresql:
                return list(postgresql.execute(query.encode()).fetchall())
        with closing(sqlite3.connect(self.node.data_dir / "firesteel.db")) as sqlite:
            return list(sqlite.execute(query).fetchall())

    def bytes(self) -> bytes:
        """All that the store has of keys and of who did what."""
        if self.url:
            tables = ("api_key", "audit", "integration", "version", "setting", "secret")
            return b"".join(repr(self.rows(f"SELECT * FROM {table}")).encode() for table in tables)
        return b"".join(path.read_bytes() for path in self.node.data_dir.glob("firesteel.db*"))

    def data_keys(self) -> DataKeys:
        """Opened with the node's encryption key."""
        ((text,),) = self.rows("SELECT value FROM setting WHERE name = 'data_keys'")
        key = parse_key((self.node.data_dir / "encryption.key").read_text().strip())
        return Envelope.parse(text).open(key)


# --- the clauses --------------------------------------------------------------------------------


def is_random_and_recognisable(scene: Scene) -> bool:
    """256 random bits, with a recognisable prefix and checksum."""
    declared = [{"api_key": {"label": f"k{number}"}} for number in range(MADE)]
    published = {"trigger": {"authentication": declared}}
    path = f"{W}/integrations/Made{next(_numbers)}"
    secrets = [key["secret"] for key in scene.node.admin("PUT", path, json=published)["keys"]]
    ones, zeros = 0, 0
    for secret in secrets:
        body, checksum = secret[:-6], secret[-6:]
        if not secret.startswith("fsk_") or number(checksum) != zlib.crc32(body.encode()):
            return False
        bits = number(body.removeprefix("fsk_"))
        ones, zeros = ones | bits, zeros | ~bits & (1 << 256) - 1
        if len(secret) != 4 + 43 + 6 or bits >> 256:
            return False
    everything = (1 << 256) - 1
    return len(set(secrets)) == MADE and ones == zeros == everything


def has_a_least_length(scene: Scene) -> bool:
    """Pasted ones have at least 8 characters, with a warning below 20."""
    stem = f"{next(_numbers):05}"
    short = scene.refused("POST", KEYS, json={"label": "short", "value": f"{stem}ab"})
    warned = [scene.add(value=stem + "p" * more)["warning"] for more in (3, 14, 15)]
    return short == "key_invalid" and [bool(text) for text in warned] == [True, True, False]


def is_looked_up_by_its_hash(scene: Scene) -> bool:
    """Looked up by a keyed hash, and compared with nothing on the way.

    What can be shown: from the head of the call to the key that lets it in, the secret itself is
    neither compared nor hashed by Python nor searched through, for a right and for a wrong one
    alike: it goes into the keyed hash, whose 32 bytes are looked up once. In that look-up Python
    compares digests, but of those a caller cannot choose a single bit: they would need the node's
    key. So the time that it takes tells nothing of any secret."""
    secret = scene.add()["secret"]
    scene.watched.unlink(missing_ok=True)
    codes = [scene.call(secret), scene.call(secret[:-1] + "?"), scene.call(f"{secret}more")]
    told = scene.watched.read_text().splitlines()
    return codes == [202, 401, 401] and told == ["looked up [32], touched 0"] * 3


def is_stored_encrypted(scene: Scene) -> bool:
    """The stored secret is encrypted (AES-GCM, key id), and its hash needs the node's key."""
    secret = scene.add(value=f"pasted-canary-{next(_numbers)}-0123456789")["secret"]
    generated = scene.add()["secret"]
    everything, keys = scene.bytes(), scene.data_keys()
    for text in (secret, generated):
        raw = text.encode()
        if any(form in everything for form in (raw, raw.hex().encode(), base64.b64encode(raw))):
            return False
    rows = scene.rows("SELECT trigger_no, sealed FROM api_key WHERE trigger_no IS NOT NULL")
    generation = keys.current
    aead, opened = AESGCM(generation.seals), set()
    for trigger_no, sealed in rows:
        told, rest = bytes(sealed)[1 : 1 + KEY_ID_BYTES], bytes(sealed)[1 + KEY_ID_BYTES :]
        if told != generation.id:
            return False
        purpose = f"api key of trigger {trigger_no}".encode()
        opened.add(aead.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], purpose).decode())
    return {secret, generated} <= opened


def is_revealed_to_those_with_the_right(scene: Scene) -> bool:
    """Revealed only to those with the right."""
    label = scene.add()["label"]
    rights = ["view", "payloads", "operate", "edit", "administer"]
    without = machine(scene, f"without-{label}", rights)
    return (
        reveal(scene, label, without).status_code == 403
        and reveal(scene, label, machine(scene, f"with-{label}", ["reveal"])).status_code == 200
    )


def is_audited_when_revealed(scene: Scene) -> bool:
    """Revealed, and audited: who saw which."""
    added = scene.add()
    token = machine(scene, f"looker-{added['label']}", ["reveal"])
    seen = reveal(scene, added["label"], token).json()["secret"]
    noted = scene.node.admin("GET", "/audit", params={"action": "key.reveal"})["items"]
    who = {(entry["actor"], entry["subject"]) for entry in noted}
    expected = (f"token:looker-{added['label']}", f"test/Hook {added['label']}")
    return seen == added["secret"] and expected in who


def expires(scene: Scene) -> bool:
    """It is taken until its last day is over."""
    added = scene.add(expires="2999-12-31")
    before = scene.call(added["secret"])
    scene.node.admin("PATCH", f"{KEYS}/{added['label']}", json={"expires": "2020-01-01"})
    return (before, scene.call(added["secret"])) == (202, 401)


def tells_its_last_use(scene: Scene) -> bool:
    """Each key tells when it was used last."""
    first, second = scene.add(), scene.add()
    scene.call(second["secret"])

    def used() -> list[bool]:
        listed = {item["label"]: item["last_used_at"] for item in scene.node.admin("GET", KEYS)}
        return [listed[added["label"]] is not None for added in (first, second)]

    wait_until(lambda: any(used()))
    return used() == [False, True]


def is_valid_beside_the_one_before(scene: Scene) -> bool:
    """An old and a new key are valid together."""
    old = scene.add()
    new = scene.node.admin("POST", f"{KEYS}/{old['label']}/rotate", json={})
    return [scene.call(key["secret"]) for key in (old, new)] == [202, 202]


def ends_with_the_overlap(scene: Scene) -> bool:
    """The old one is taken no longer than was chosen."""
    old = scene.add()
    path = f"{KEYS}/{old['label']}"
    new = scene.node.admin("POST", f"{path}/rotate", json={"overlap_s": 3600})
    scene.node.admin("POST", f"{path}/end-overlap")
    newest = scene.node.admin("POST", f"{path}/rotate", json={"overlap_s": 0})
    return [scene.call(key["secret"]) for key in (old, new, newest)] == [401, 401, 202]


def opens_what_is_granted(scene: Scene) -> bool:
    """A consumer's key opens the triggers that it is granted, and no other."""
    path = f"{CONSUMERS}/partner-{next(_numbers)}"
    scene.node.admin("POST", CONSUMERS, json={"name": path.rpartition("/")[2]})
    secret = scene.node.admin("POST", f"{path}/keys", json={})["secret"]
    scene.node.admin("PUT", f"{path}/grants/Hook")
    granted = [scene.call(secret), scene.call(secret, "Other")]
    scene.node.admin("DELETE", f"{path}/grants/Hook")
    return [*granted, scene.call(secret)] == [202, 401, 401]


CLAUSES: dict[Clause, str] = {
    is_random_and_recognisable: "keys_of_few_bits",
    has_a_least_length: "short_keys_taken",
    is_looked_up_by_its_hash: "secrets_looked_up_as_they_are",
    is_stored_encrypted: "secrets_not_encrypted",
    is_revealed_to_those_with_the_right: "revealed_to_all",
    is_audited_when_revealed: "revealed_without_a_note",
    expires: "expiry_not_looked_at",
    tells_its_last_use: "uses_of_another_key",
    is_valid_beside_the_one_before: "replaced_keys_end_at_once",
    ends_with_the_overlap: "replaced_keys_never_end",
    opens_what_is_granted: "consumers_call_everything",
}

LATER = [is_valid_beside_the_one_before]
"""Of which the defect takes back what those of others do."""
AT_ONCE = [clause for clause in CLAUSES if clause not in LATER]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_p47_keys_are_all_that_is_promised_of_them(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with contextlib.ExitStack() as stack:
        url = ""
        if store == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            url = stack.enter_context(server.database())
        scene = stack.enter_context(Scene.set(tmp_path, url=url))
        answers = {clause.__name__: clause(scene) for clause in CLAUSES}
        assert scene.call(KEY) == 202
    report.row("P47", f"each clause, on {store}", cycles=len(answers))
    assert answers == dict.fromkeys(answers, True)


@pytest.mark.parametrize("planted_ones", [AT_ONCE, LATER], ids=["most", "the other"])
def test_p47_each_clause_fails_with_its_defect(
    planted_ones: Sequence[Clause], tmp_path: Path, report: Report
) -> None:
    """All that get on with each other at once; each alone is a test of the full size."""
    with Scene.set(tmp_path, *(CLAUSES[clause] for clause in planted_ones)) as scene:
        answers = {clause.__name__: clause(scene) for clause in planted_ones}
    for clause in planted_ones:
        report.defect("P47", CLAUSES[clause], found=not answers[clause.__name__])
    assert answers == dict.fromkeys(answers, False)


@pytest.mark.full
@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: CLAUSES[clause])
def test_p47_fails_with_one_defect_alone(clause: Clause, tmp_path: Path) -> None:
    with Scene.set(tmp_path, CLAUSES[clause]) as scene:
        assert not clause(scene)


def number(base62: str) -> int:
    """The inverse of how generated secrets write numbers."""
    value = 0
    for digit in base62:
        value = value * 62 + ALPHABET.index(digit)
    return value


def machine(scene: Scene, name: str, scopes: list[str]) -> str:
    """A new token of the admin port."""
    body = {"name": name, "scopes": scopes}
    return str(scene.node.admin("POST", "/tokens", json=body)["secret"])


def reveal(scene: Scene, label: str, token: str) -> httpx2.Response:
    admin_url = scene.node.address["admin_url"]
    return scene.node.client.post(
        f"{admin_url}/api/v1{KEYS}/{label}/reveal", headers={"Authorization": f"Bearer {token}"}
    )
