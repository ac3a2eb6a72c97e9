"""Settings: flag before environment before file before default, all faults at once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from firesteel.model.encryption_key import written_key
from firesteel.settings import SETTINGS, Settings, SettingsError, load_settings


def faults_of(
    flags: dict[str, object], environ: dict[str, str], project: Path | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags, environ, project)
    assert caught.value.code == "settings_invalid"
    return [str(fault) for fault in caught.value.faults]


def test_without_anything_given_the_defaults_of_the_reference_hold() -> None:
    settings = load_settings({}, {}, None)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.admin_host, settings.admin_port) == ("127.0.0.1", 8081)
    assert settings.data_dir == Path.cwd() / ".firesteel"
    assert settings.store_path == settings.data_dir / "firesteel.db"
    assert settings.workers >= 1
    assert settings.workspace is None
    assert settings.retention_days == 30
    assert settings.disk_reserve_bytes == 1024**3
    assert settings.shutdown_timeout_s == 30.0
    assert settings.outgoing_allow == ()


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "firesteel.toml").write_text('port = 1\nadmin_port = 2\nworkspace = "shop"\n')
    settings = load_settings(
        {"port": 3, "admin_port": None},
        {"FIRESTEEL_PORT": "4", "FIRESTEEL_ADMIN_PORT": "5", "PATH": "/bin"},
        tmp_path,
    )
    assert (settings.port, settings.admin_port, settings.workspace) == (3, 5, "shop")


def test_every_setting_is_a_field_and_has_a_description() -> None:
    assert {setting.field for setting in SETTINGS} | {"project_dir"} == {
        field.name for field in fields(Settings)
    }
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.description.endswith(".") for setting in SETTINGS)


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        (
            {},
            {"FIRESTEEL_PROT": "1"},
            "FIRESTEEL_PROT: unknown setting; did you mean FIRESTEEL_PORT?",
        ),
        ({"admin_prot": 1}, {}, "--admin-prot: unknown setting; did you mean --admin-port?"),
        ({}, {"FIRESTEEL_PORT": "65536"}, "FIRESTEEL_PORT: is not a port"),
        ({}, {"FIRESTEEL_PORT": "٣"}, "FIRESTEEL_PORT: is not a port"),
        ({}, {"FIRESTEEL_HOST": "a b"}, "FIRESTEEL_HOST: is neither"),
        ({}, {"FIRESTEEL_WORKERS": "0"}, "FIRESTEEL_WORKERS: is not a whole number from 1"),
        ({}, {"FIRESTEEL_SHUTDOWN_TIMEOUT": "30"}, "FIRESTEEL_SHUTDOWN_TIMEOUT: a duration"),
        ({}, {"FIRESTEEL_SHUTDOWN_TIMEOUT": "2h"}, "FIRESTEEL_SHUTDOWN_TIMEOUT: is not between"),
        ({}, {"FIRESTEEL_WORKER_MEMORY": "1KiB"}, "FIRESTEEL_WORKER_MEMORY: is less than 128MiB"),
        ({}, {"FIRESTEEL_OUTGOING_ALLOW": "10.0.0.1/8"}, "FIRESTEEL_OUTGOING_ALLOW: is not a list"),
        ({}, {"FIRESTEEL_PUBLIC_URL": "hooks.example.com"}, "FIRESTEEL_PUBLIC_URL: is not a URL"),
        ({}, {"FIRESTEEL_DATABASE_URL": "sqlite://"}, "FIRESTEEL_DATABASE_URL: names no file"),
        ({}, {"FIRESTEEL_DATABASE_URL": "mysql://x"}, "FIRESTEEL_DATABASE_URL: is not sqlite"),
        (
            {},
            {"FIRESTEEL_DATABASE_URL": "postgresql://u:hunter2@db:fivefour/x"},
            "FIRESTEEL_DATABASE_URL: has a port that is no number",
        ),
        ({}, {"FIRESTEEL_WORKSPACE": "a/b"}, "FIRESTEEL_WORKSPACE: is not 1 to 64"),
        ({}, {"FIRESTEEL_TLS": "yes"}, "FIRESTEEL_TLS: is none of off, self-signed"),
        ({}, {"FIRESTEEL_LOG_FORMAT": "xml"}, "FIRESTEEL_LOG_FORMAT: is none of text, json"),
        ({"tls_cert": "a.pem"}, {}, "tls_cert, tls_key: one is given without the other"),
        ({"port": 9000, "admin_port": 9000}, {}, "port, admin_port: are the same on one address"),
    ],
)
def test_a_wrong_setting_is_named_with_its_source(
    flags: dict[str, object], environ: dict[str, str], expected: str
) -> None:
    (fault,) = faults_of(flags, environ)
    assert fault.startswith(expected)


def test_a_database_url_as_hosters_write_it_is_taken() -> None:
    given = {"FIRESTEEL_DATABASE_URL": "postgres://u:p@db/x?sslmode=require"}
    settings = load_settings({}, {**given, "FIRESTEEL_ROLE": "worker"}, None)
    assert settings.database_url == "postgresql://u:p@db/x?sslmode=require"


def test_traces_without_their_extra_are_refused_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings({}, {"FIRESTEEL_TRACES": "on"}, None).traces == "on"
    monkeypatch.setattr("firesteel.setting_values.can_trace", lambda: False)
    assert faults_of({}, {"FIRESTEEL_TRACES": "on"}) == [
        "traces: needs an extra: pip install 'firesteel[otel]'"
    ]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "firesteel.toml").write_text('prot = 1\nworkers = "many"\n[limits]\na = 1\n')
    faults = faults_of({"host": "no host"}, {"FIRESTEEL_PORT": "x"}, tmp_path)
    assert len(faults) == 5
    assert "firesteel.toml: prot: unknown setting; did you mean port?" in faults


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"port = 1\nport = 2\n"])
def test_a_file_that_is_no_toml_is_a_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "firesteel.toml").write_bytes(content)
    (fault,) = faults_of({}, {}, tmp_path)
    assert fault.startswith("firesteel.toml: is not TOML")


def test_a_wrong_secret_is_not_repeated() -> None:
    (fault,) = faults_of({}, {"FIRESTEEL_ENCRYPTION_KEY": "hunter2hunter2"})
    assert "hunter2" not in fault


def test_secrets_stay_out_of_the_representation() -> None:
    settings = load_settings(
        {},
        {
            "FIRESTEEL_ENCRYPTION_KEY": written_key(b"k" * 32),
            "FIRESTEEL_DATABASE_URL": "postgresql+psycopg://u:hunter2@db/x",
        },
        None,
    )
    assert settings.encryption_key == b"k" * 32
    assert "hunter2" not in repr(settings)
    assert "kkkk" not in repr(settings)


def test_what_the_cli_and_workers_read_is_no_setting() -> None:
    environ = {
        "FIRESTEEL_URL": "https://node",
        "FIRESTEEL_TOKEN": "t",
        "FIRESTEEL_WORKER_SOCKET": "/run/x",
        "FIRESTEEL_LIFELINE_FD": "3",
        "FIRESTEEL_PORT": "",
    }
    assert load_settings({}, environ, None) == load_settings({}, {}, None)


def test_relative_paths_in_the_file_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "firesteel.toml").write_text('data_dir = "data"\ntls_cert = "c"\ntls_key = "k"\n')
    settings = load_settings({}, {}, tmp_path)
    assert settings.data_dir == tmp_path / "data"
    assert settings.tls_cert == tmp_path / "c"
    assert settings.tls_enabled


def test_a_port_open_to_the_network_without_tls_is_warned_of() -> None:
    assert load_settings({}, {}, None).warnings() == []
    (warning,) = load_settings({"host": "0.0.0.0"}, {}, None).warnings()
    assert "public port listens on 0.0.0.0 without TLS" in warning
    assert load_settings({"host": "::", "tls": "self-signed"}, {}, None).warnings() == []


def test_a_console_that_shares_its_names_with_the_public_port_is_warned_of() -> None:
    given: dict[str, object] = {"host": "::", "admin_host": "::", "tls": "self-signed"}
    (warning,) = load_settings(given, {}, None).warnings()
    assert "browsers take both for one site" in warning
    names: dict[str, object] = {"allowed_hosts": ["hooks.example"], "admin_allowed_hosts": ["a.b"]}
    assert load_settings({**given, **names}, {}, None).warnings() == []
    same: dict[str, object] = {"allowed_hosts": ["a.b"], "admin_allowed_hosts": ["a.b"]}
    assert len(load_settings({**given, **same}, {}, None).warnings()) == 1


def test_settings_travel_to_the_engine_as_json() -> None:
    settings = load_settings({"outgoing_allow": ["10.0.0.0/8"]}, {}, Path("project"))
    data = msgspec.json.encode(settings, enc_hook=str)
    assert msgspec.json.decode(data, type=Settings, dec_hook=lambda kind, v: kind(v)) == settings
