"""``firesteel doctor`` finds what is wrong with an installation, and says what to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import os
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firesteel.cli.app import run
from firesteel.cli.doctor import folder, machine
from firesteel.engine.key_chest import KeyChest
from firesteel.model.encryption_key import written_key
from firesteel.store.sqlite import safety
from firesteel.store.sqlite.connection import StoreLock
from firesteel.store.sqlite.store import open_store
from tests.support.postgres import NOBODY, Postgres

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, which is the working directory; ports are free, nothing else is set."""
    for name in list(os.environ):
        if name.startswith("FIRESTEEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FIRESTEEL_PORT", "0")
    monkeypatch.setenv("FIRESTEEL_ADMIN_PORT", "0")
    monkeypatch.setenv("FIRESTEEL_DISK_RESERVE", "0B")
    monkeypatch.setattr(machine, "_synchronised", lambda: True)
    assert run(["init", str(tmp_path / "project")]) == 0
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def data(project: Path) -> Path:
    """Its data directory, with a store and the key ``KEY``."""
    directory = project / ".firesteel"
    directory.mkdir(mode=0o700)
    key_file = directory / "encryption.key"
    key_file.touch(0o600)
    key_file.write_text(written_key(KEY))

    async def make() -> None:
        store = await open_store(directory / "firesteel.db")
        await KeyChest.open(store.catalog, setting=KEY, data_dir=directory, now_us=lambda: 0)
        await store.close()

    asyncio.run(make())
    return directory


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; its exit code, and what is no ``ok``, by check."""

    def ask(*options: str) -> tuple[int, dict[str, dict[str, str]]]:
        capsys.readouterr()
        code = run(["doctor", "--json", *options])
        found = json.loads(capsys.readouterr().out)
        assert all(bool(one["remedy"]) == (one["level"] != "ok") for one in found)
        return code, {one["check"]: one for one in found if one["level"] != "ok"}

    return ask


def test_a_new_project_and_a_store_that_is_well_have_no_faults(
    project: Path, shown: Any, request: pytest.FixtureRequest
) -> None:
    assert shown() == (0, {})
    assert not (project / ".firesteel").exists()
    data = request.getfixturevalue("data")
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    assert shown() == (0, {})
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_every_finding_is_a_line_with_its_remedy_below(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "encryption.key").chmod(0o644)
    assert run(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (at,) = [place for place, line in enumerate(lines) if line.startswith("fault")]
    assert "encryption_key_exposed" in lines[at]
    assert lines[at + 1].strip() == f"chmod 0600 {data / 'encryption.key'}"
    assert lines[-1] == "1 fault, no warnings"


def test_faulty_settings_are_all_told_and_nothing_else_is_looked_at(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRESTEEL_PORT", "99999")
    monkeypatch.setenv("FIRESTEEL_WORKERZ", "2")
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert said.count("fault    settings") == 2
    assert "FIRESTEEL_WORKERS?" in said
    assert "encryption_key" not in said


def test_faults_of_the_project_are_counted(project: Path, shown: Any) -> None:
    (project / "integrations" / "bad.yaml").write_text("name: bad\nworkflo: {}\n")
    code, found = shown()
    assert code == 1
    assert "firesteel check" in found["project"]["remedy"]


@pytest.mark.parametrize(("scheme", "driver"), [("mysql+nothing", "nothing"), ("nosuch", "nosuch")])
def test_connections_need_their_names_and_drivers(
    project: Path, shown: Any, scheme: str, driver: str
) -> None:
    text = f'erp: {{sql: "{scheme}://erp:${{ERP_PASSWORD}}@db/erp"}}\n'
    (project / "connections.yaml").write_text(text)
    _, found = shown()
    assert driver in json.dumps(found)


def test_a_secret_that_is_not_set_is_named(project: Path, shown: Any) -> None:
    text = 'erp: {sql: "postgresql+psycopg://erp:${ERP_PASSWORD}@db/erp"}\n'
    (project / "connections.yaml").write_text(text)
    code, found = shown()
    assert code == 0
    assert "${ERP_PASSWORD}" in found["connections"]["says"]
    assert "firesteel secrets put ERP_PASSWORD" in found["connections"]["remedy"]


def test_a_data_directory_that_others_may_enter_is_a_warning(data: Path, shown: Any) -> None:
    data.chmod(0o755)
    code, found = shown()
    assert (code, found["data_dir"]["level"]) == (0, "warning")
    assert found["data_dir"]["remedy"] == f"chmod 0700 {data}"


def test_a_data_directory_that_is_a_file_is_a_fault(project: Path, shown: Any) -> None:
    (project / ".firesteel").write_text("")
    code, found = shown()
    assert (code, found["data_dir"]["level"]) == (1, "fault")


def test_whoever_may_not_look_is_told_to_do_it_as_the_node_s_user(data: Path, shown: Any) -> None:
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    else:
        data.chmod(0)
    try:
        code, found = shown()
    finally:
        if is_root:
            os.seteuid(0)
        data.chmod(0o700)
    assert code == 1
    assert {"data_dir", "encryption_key"} <= set(found)
    assert found["encryption_key"]["remedy"] == "run as the node's user"


def test_a_local_token_that_others_may_read_is_a_fault(data: Path, shown: Any) -> None:
    (data / "node.json").write_text('{"token": "the-local-token", "admin_url": ""}')
    (data / "node.json").chmod(0o644)
    code, found = shown()
    assert code == 1
    assert "the-local-token" not in json.dumps(found)
    assert "chmod 0600" in found["local_token"]["remedy"]


def test_another_encryption_key_is_a_fault_that_names_the_right_one_by_its_id(
    data: Path, shown: Any
) -> None:
    (data / "encryption.key").write_text(written_key(OTHER_KEY))
    code, found = shown()
    assert code == 1
    assert "wrong_encryption_key" in found["encryption_key"]["says"]
    assert "with the id" in found["encryption_key"]["remedy"]
    assert written_key(OTHER_KEY) not in json.dumps(found)


def test_a_sealed_store_without_its_key_is_a_fault_and_no_key_is_made(
    data: Path, shown: Any
) -> None:
    (data / "encryption.key").unlink()
    code, found = shown()
    assert (code, found["encryption_key"]["level"]) == (1, "fault")
    assert not (data / "encryption.key").exists()


@pytest.mark.parametrize(("kind", "level"), [("nfs4", "fault"), ("tmpfs", "warning")])
def test_a_file_system_that_keeps_nothing_is_told(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch, kind: str, level: str
) -> None:
    monkeypatch.setattr(safety, "_mounts_of_linux", lambda: [(Path("/"), kind)])
    monkeypatch.setattr(safety, "_mounts_of_macos", lambda: [(Path("/"), kind)])
    _, found = shown()
    assert found["file_system"]["level"] == level


def test_a_disk_below_its_reserve_is_a_fault(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTEEL_DISK_RESERVE", "1GiB")
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(folder.shutil, "disk_usage", lambda _: usage(2**40, 2**40 - 5, 5))
    code, found = shown()
    assert (code, found["disk"]["level"]) == (1, "fault")


def test_a_slow_disk_is_a_warning(data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_SLOW_FLUSH_MS", 0.0)
    assert shown()[1]["flush"]["level"] == "warning"


def schema(data: Path, revision: str) -> None:
    with sqlite3.connect(data / "firesteel.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_an_older_schema_is_a_warning_and_a_newer_one_a_fault(data: Path, shown: Any) -> None:
    schema(data, "0008")
    code, found = shown()
    assert (code, found["schema"]["level"]) == (0, "warning")
    assert "back-up" in found["schema"]["remedy"]
    schema(data, "9999")
    code, found = shown()
    assert (code, found["schema"]["level"]) == (1, "fault")


def test_a_damaged_store_is_a_fault(data: Path, shown: Any) -> None:
    path = data / "firesteel.db"
    content = bytearray(path.read_bytes())
    content[8192 * 3 : 8192 * 20] = os.urandom(8192 * 17)
    path.write_bytes(bytes(content))
    code, found = shown()
    assert code == 1
    assert "restore" in found["store"]["remedy"]


def test_what_is_no_store_at_all_is_a_fault(data: Path, shown: Any) -> None:
    (data / "firesteel.db").write_bytes(b"something else altogether " * 500)
    code, found = shown()
    assert code == 1
    assert "store_unreadable" in found["store"]["says"]


def test_beside_a_node_nothing_is_written_and_its_pages_are_left_alone(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Path) -> float:
        raise AssertionError("a flush was measured beside a node")

    monkeypatch.setattr(folder, "_flush_ms", refuse)
    lock = StoreLock(data / "firesteel.db")
    lock.take()
    try:
        code, found = shown()
        assert code == 0
        assert found["node"]["says"] == "one is starting, or cannot"
        (data / "node.json").touch(0o600)
        (data / "node.json").write_text('{"admin_url": "http://127.0.0.1:9", "token": "t"}')
        code, found = shown()
        assert (code, found["node"]["level"]) == (1, "fault")
    finally:
        lock.release()


def test_a_clock_behind_the_store_is_a_warning(data: Path, shown: Any) -> None:
    with sqlite3.connect(data / "firesteel.db") as connection:
        connection.execute("UPDATE session SET started_at_us = started_at_us + 3600000000")
    connection.close()
    assert "set back" in shown()[1]["clock"]["says"]


def test_what_the_machine_has_too_little_of_is_a_warning(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_synchronised", lambda: False)
    monkeypatch.setattr(machine, "_memory_bytes", lambda: 2**20)
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (1024, 1024))
    monkeypatch.setenv("FIRESTEEL_WORKERS", "1000")
    code, found = shown()
    assert code == 0
    assert {"clock", "memory", "open_files", "workers"} <= set(found)


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex")
def test_the_kernel_says_whether_the_clock_is_synchronised() -> None:
    assert machine._synchronised() in (True, False, None)


def write_certificate(
    directory: Path, *, days: float, name: str, hosts: Sequence[x509.GeneralName] = ()
) -> tuple[Path, Path]:
    """A certificate for ``hosts`` that is valid for so many days from now, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=40))
        .not_valid_after(now + dt.timedelta(days=days))
    )
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    signed = made.sign(key, hashes.SHA256())
    files = directory / f"{name}.pem", directory / f"{name}.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].touch(0o600)
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.mark.parametrize(
    ("days", "wanted"), [(90, (0, None)), (3, (0, "warning")), (-1, (1, "fault"))]
)
def test_a_certificate_is_told_of_before_it_expires(
    data: Path,
    shown: Any,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    wanted: tuple[int, str | None],
) -> None:
    certificate, key = write_certificate(data, days=days, name="one")
    monkeypatch.setenv("FIRESTEEL_TLS_CERT", str(certificate))
    monkeypatch.setenv("FIRESTEEL_TLS_KEY", str(key))
    code, found = shown()
    assert (code, found.get("tls", {}).get("level")) == wanted


HOSTS = (
    x509.DNSName("firesteel.example.com"),
    x509.DNSName("*.Example.org"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
)


@pytest.mark.parametrize(
    ("host", "hosts", "wanted"),
    [
        ("firesteel.example.com", HOSTS, None),
        ("Firesteel.Example.Com:8443", HOSTS, None),
        ("hooks.example.org", HOSTS, None),
        ("192.0.2.7", HOSTS, None),
        ("example.org", HOSTS, "fault"),
        ("a.hooks.example.org", HOSTS, "fault"),
        ("192.0.2.8", HOSTS, "fault"),
        ("one", (), "fault"),  # the subject's name counts no more
    ],
)
def test_a_certificate_must_have_the_name_that_callers_are_told(
    data: Path,
    shown: Any,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    *,
    hosts: Sequence[x509.GeneralName],
    wanted: str | None,
) -> None:
    certificate, key = write_certificate(data, days=90, name="one", hosts=hosts)
    monkeypatch.setenv("FIRESTEEL_TLS_CERT", str(certificate))
    monkeypatch.setenv("FIRESTEEL_TLS_KEY", str(key))
    monkeypatch.setenv("FIRESTEEL_PUBLIC_URL", f"https://{host}")
    code, found = shown()
    assert (code, found.get("tls", {}).get("level")) == (int(wanted == "fault"), wanted)
    monkeypatch.setenv("FIRESTEEL_TRUSTED_PROXIES", "192.0.2.1")
    assert shown()[0] == 0


def test_a_certificate_and_the_key_of_another_one_are_a_fault(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, _ = write_certificate(data, days=90, name="one")
    _, key = write_certificate(data, days=90, name="other")
    monkeypatch.setenv("FIRESTEEL_TLS_CERT", str(certificate))
    monkeypatch.setenv("FIRESTEEL_TLS_KEY", str(key))
    assert "tls_invalid" in shown()[1]["tls"]["says"]


def test_addresses_that_do_not_fit_are_told(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTEEL_PUBLIC_URL", "https://hooks.example.com")
    code, found = shown()
    assert code == 0
    assert "public_url is https" in found["addresses"]["says"]
    monkeypatch.setenv("FIRESTEEL_TRUSTED_PROXIES", "0.0.0.0/0")
    code, found = shown()
    assert code == 1
    assert "anyone may claim any address" in found["addresses"]["says"]


def test_a_port_that_something_else_has_is_a_fault(
    data: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("FIRESTEEL_PORT", str(other.getsockname()[1]))
        code, found = shown()
    assert (code, found["ports"]["level"]) == (1, "fault")


# --- PostgreSQL ---


def test_postgresql_is_looked_at_and_its_password_never_shown(
    project: Path,
    shown: Any,
    store_url: str,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", store_url)
    code, found = shown()
    assert code == 0
    assert set(found) == {"role"}  # the tests' user is a superuser
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", store_url.replace(postgres.password, "the-wrong"))
    code, found = shown()
    assert code == 1
    assert "store_refused" in found["store"]["says"]
    assert "the-wrong" not in json.dumps(found)
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", "postgresql://firesteel:hidden@127.0.0.1:9/none")
    code, found = shown()
    assert code == 1
    assert "store_unavailable" in found["store"]["says"]
    assert "hidden" not in json.dumps(found)


def test_postgresqls_schema_clock_and_rights_are_looked_at(
    project: Path,
    shown: Any,
    store_url: str,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", store_url)
    with psycopg.connect(store_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '0008'")
        assert shown()[1]["schema"]["level"] == "warning"
        owner.execute("UPDATE alembic_version SET version_num = '9999'")
        assert shown()[1]["schema"]["level"] == "fault"
        owner.execute("UPDATE alembic_version SET version_num = '0009'")
        owner.execute("CREATE ROLE visitor LOGIN PASSWORD 'few-rights'")
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO visitor")
        theirs = store_url.replace(f"firesteel:{postgres.password}", "visitor:few-rights")
        monkeypatch.setenv("FIRESTEEL_DATABASE_URL", theirs)
        try:
            code, found = shown()
        finally:
            owner.execute("DROP OWNED BY visitor")
            owner.execute("DROP ROLE visitor")
    assert (code, found["role"]["level"]) == (1, "fault")


def test_a_server_that_would_lose_what_it_committed_is_a_fault(
    project: Path, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Postgres.started(settings=("fsync=off", "max_connections=7")) as server:
        monkeypatch.setenv("FIRESTEEL_DATABASE_URL", server.url())
        code, found = shown()
        assert (code, found["store"]["level"]) == (1, "fault")
        assert "fsync" in found["store"]["says"]
        server.stop()
        server.settings = ("max_connections=7",)
        server.start()
        assert shown()[1]["database_limit"]["level"] == "warning"


def test_what_other_nodes_have_said_counts_by_the_clock_that_they_agree_on(
    project: Path, shown: Any, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the database's own has jumped, here by three days."""
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", store_url)
    jumped_us = 3 * 86_400 * 1_000_000
    said = json.dumps({"retention_days": 90, "archive": True, "archive_dir": ""})
    settings = (
        ("steady_clock", json.dumps({"shift_us": -jumped_us})),
        ("retention_of other", f"{time.time_ns() // 1000 - jumped_us} {said}"),
    )
    with psycopg.connect(store_url.replace("+psycopg", ""), autocommit=True) as server:
        for setting in settings:
            server.execute("INSERT INTO setting (name, value) VALUES (%s, %s)", setting)
    (_, found) = shown()
    assert "another retention_days and another archive" in found["other_nodes"]["says"]
