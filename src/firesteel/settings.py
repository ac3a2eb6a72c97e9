"""The settings of a node: one frozen object, read from flags, environment and firesteel.toml.

Flag beats environment beats file beats default. A setting that nobody knows is an error that names
the nearest known one, and all faults are told at once. Durations are written ``30s``, sizes
``1GiB``; fields end in the unit that they are kept in.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from firesteel import setting_values as values
from firesteel.errors import OperatorError
from firesteel.model.forwarded import Proxies, ProxyHeaders
from firesteel.setting_list import ENVIRONMENT_PREFIX, SETTINGS, Role, Setting

__all__ = ["FILE", "SETTINGS", "STORE_FILE", "Role", "Setting", "SettingFault", "Settings"]
__all__ += ["SettingsError", "load_settings"]

FILE = "firesteel.toml"
STORE_FILE = "firesteel.db"


# Read by the CLI (another node's address) and by processes of a node among themselves.
_NO_SETTINGS = frozenset({"FIRESTEEL_URL", "FIRESTEEL_TOKEN", "FIRESTEEL_LIFELINE_FD"})
_INTERNAL_PREFIX = "FIRESTEEL_WORKER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a node runs with. See ``SETTINGS`` for the meaning of each field.

    ``project_dir`` None: the node keeps what the console or the API gave it.
    """

    project_dir: Path | None
    host: str
    port: int
    admin_host: str
    admin_port: int
    data_dir: Path
    database_url: str | None = field(repr=False)
    role: Role
    workers: int
    workspace: str | None
    encryption_key: bytes | None = field(repr=False)
    retention_days: int
    archive: Literal["on", "off"]
    archive_dir: Path | None
    key_warning_days: int
    outgoing_allow: tuple[str, ...]
    public_url: str | None
    admin_url: str | None
    trusted_proxies: tuple[str, ...]
    proxy_headers: ProxyHeaders
    allowed_hosts: tuple[str, ...]
    admin_allowed_hosts: tuple[str, ...]
    max_connections: int
    max_connections_per_address: int
    client_certificate_header: str | None
    tls_cert: Path | None
    tls_key: Path | None
    hsts_max_age_s: float
    tls_client_ca: Path | None
    tls: Literal["off", "self-signed"]
    session_idle_s: float
    session_lifetime_s: float
    shutdown_delay_s: float
    shutdown_timeout_s: float
    disk_reserve_bytes: int
    bodies_in_flight_bytes: int
    bodies_on_disk_bytes: int
    bodies_running_bytes: int
    worker_slots: int
    engine_processors: Literal["auto", "all"]
    worker_memory_bytes: int
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["text", "json"]
    log_workflows: Literal["off", "on"]
    access_log: Literal["off", "on"]
    traces: Literal["off", "on"]
    traces_endpoint: str | None

    @property
    def store_path(self) -> Path | None:
        """The SQLite file that is the store; None where that is a PostgreSQL database."""
        if self.database_url is None:
            return self.data_dir / STORE_FILE
        return values.sqlite_path(self.database_url)

    @property
    def archive_folder(self) -> Path:
        """Where messages are archived."""
        return self.archive_dir or self.data_dir / "archive"

    @property
    def public_port(self) -> bool:
        """Whether the node takes calls."""
        return self.role != "worker"

    @property
    def runs_attempts(self) -> bool:
        """Whether the node runs what was accepted. The worker processes of one that does not look
        at big bodies and check documents only."""
        return self.role != "gateway"

    @property
    def keeps_to_one_processor(self) -> bool:
        """Whether event loop and writer share one of two processors (decision 0071)."""
        return self.engine_processors == "auto" and self.store_path is not None

    @property
    def proxies(self) -> Proxies:
        """By which who calls is known; to be made once."""
        return Proxies(self.trusted_proxies, self.proxy_headers)

    @property
    def tls_enabled(self) -> bool:
        """True where both ports speak HTTPS."""
        return self.tls_cert is not None or self.tls == "self-signed"

    def warnings(self) -> list[str]:
        """What is allowed but should be said loudly at start."""
        listeners = [("admin", self.admin_host)]
        if self.public_port:
            listeners.insert(0, ("public", self.host))
        found = [
            f"the {name} port listens on {host} without TLS, so keys cross the network in clear: "
            "set tls_cert and tls_key, tls = self-signed, or trusted_proxies"
            for name, host in listeners
            if not (values.is_loopback(host) or self.tls_enabled or self.trusted_proxies)
        ]
        if self.public_port and not values.is_loopback(self.admin_host) and not self._names_apart:
            found.append(
                "the console may be called by the same names as the public port, so browsers take "
                "both for one site: give each its own with allowed_hosts and admin_allowed_hosts"
            )
        return found

    @property
    def _names_apart(self) -> bool:
        """Whether each port has names of its own."""
        names, admin_names = set(self.allowed_hosts), set(self.admin_allowed_hosts)
        return bool(names and admin_names) and not names & admin_names


@dataclass(frozen=True, slots=True)
class SettingFault:
    """``source``: --port, FIRESTEEL_PORT or firesteel.toml: port."""

    source: str
    detail: str

    def __str__(self) -> str:
        return f"{self.source}: {self.detail}"


class SettingsError(OperatorError):
    """One or more settings are wrong; ``faults`` has all of them."""

    code = "settings_invalid"

    def __init__(self, faults: list[SettingFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as somebody wrote it; relative paths begin at ``base``."""

    setting: Setting
    text: str
    source: str
    base: Path


def load_settings(
    flags: Mapping[str, object], environ: Mapping[str, str], project_dir: Path | None
) -> Settings:
    """The settings of a node.

    ``flags``: setting name -> value as text, number or list; None: not given. ``environ``: other
    variables than FIRESTEEL_... are passed over, an empty one counts as not given. ``project_dir``:
    where firesteel.toml may stand. Relative paths in the file begin at the file, others at the
    working directory. Raises SettingsError.
    """
    faults: list[SettingFault] = []
    chosen: dict[str, _Given] = {}
    for given in _all_given(flags, environ, project_dir, faults):
        chosen.setdefault(given.setting.name, given)
    fields: dict[str, Any] = {"project_dir": project_dir and project_dir.absolute()}
    for setting in SETTINGS:
        given_or_default = chosen.get(setting.name) or _Given(
            setting, setting.default, "default", Path.cwd()
        )
        fields[setting.field] = _parsed(given_or_default, faults)
    if not faults:
        faults.extend(_contradictions(fields))
    if faults:
        raise SettingsError(faults)
    fields["workers"] = fields["workers"] or (1 if fields["role"] == "gateway" else values.cores())
    return Settings(**fields)


def _all_given(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    project_dir: Path | None,
    faults: list[SettingFault],
) -> Iterator[_Given]:
    here = Path.cwd()
    sources: list[tuple[Iterable[tuple[str, str, object]], Path]] = [
        ([(f"--{n.replace('_', '-')}", n, v) for n, v in flags.items() if v is not None], here),
        (_from_environment(environ), here),
    ]
    if project_dir is not None:
        sources.append((_from_file(project_dir / FILE, faults), project_dir.absolute()))
    known = {setting.name: setting for setting in SETTINGS}
    for items, base in sources:
        for source, name, value in items:
            setting = known.get(name)
            if setting is None:
                faults.append(SettingFault(source, "unknown setting" + _nearest(source, name)))
                continue
            try:
                text = values.written(value)
            except ValueError as error:
                faults.append(SettingFault(source, str(error)))
                continue
            yield _Given(setting, text, source, base)


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, str, object]]:
    known = {setting.variable for setting in SETTINGS}
    return [
        (variable, variable.removeprefix(ENVIRONMENT_PREFIX).lower(), value)
        for variable, value in environ.items()
        if variable.startswith(ENVIRONMENT_PREFIX)
        and value != ""
        and variable not in _NO_SETTINGS
        and (variable in known or not variable.startswith(_INTERNAL_PREFIX))
    ]


def _from_file(path: Path, faults: list[SettingFault]) -> list[tuple[str, str, object]]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except OSError as error:
        if not (path.parent.absolute() == Path.cwd() and _is_closed(path)):
            faults.append(SettingFault(FILE, f"cannot be read: {error.strerror}"))
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(SettingFault(FILE, f"is not TOML: {error}"))
        return []
    return [(f"{FILE}: {name}", name, value) for name, value in table.items()]


def _is_closed(path: Path) -> bool:
    """Whether its folder lets this user look at nothing, as /root under `sudo -u firesteel`."""
    try:
        path.stat()
    except PermissionError:
        return True
    return False


def _nearest(source: str, name: str) -> str:
    near = difflib.get_close_matches(name, [setting.name for setting in SETTINGS], n=1, cutoff=0.6)
    if not near:
        return ""
    if source.startswith(ENVIRONMENT_PREFIX):
        return f"; did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}?"
    if source.startswith("--"):
        return f"; did you mean --{near[0].replace('_', '-')}?"
    return f"; did you mean {near[0]}?"


def _parsed(given: _Given, faults: list[SettingFault]) -> Any:
    if not given.text:
        return given.setting.nothing
    try:
        value = given.setting.parse(given.text)
    except ValueError as error:
        faults.append(SettingFault(given.source, str(error)))
        return None
    return given.base / value if isinstance(value, Path) else value


def _contradictions(fields: Mapping[str, Any]) -> Iterator[SettingFault]:
    if (fields["tls_cert"] is None) != (fields["tls_key"] is None):
        yield SettingFault("tls_cert, tls_key", "one is given without the other")
    if fields["tls_client_ca"] and fields["tls_cert"] is None and fields["tls"] == "off":
        yield SettingFault("tls_client_ca", "needs TLS: tls_cert and tls_key, or tls = self-signed")
    if fields["hsts_max_age_s"] and fields["tls_cert"] is None:
        yield SettingFault("hsts_max_age", "needs tls_cert and tls_key: a proxy sends its own")
    if fields["client_certificate_header"] and not fields["trusted_proxies"]:
        yield SettingFault("client_certificate_header", "is believed of trusted_proxies only")
    if fields["tls_cert"] is not None and fields["tls"] != "off":
        yield SettingFault("tls", "cannot be self-signed where tls_cert is given")
    if fields["traces"] == "on" and not values.can_trace():
        yield SettingFault("traces", "needs an extra: pip install 'firesteel[otel]'")
    url = fields["database_url"]
    if fields["role"] != "all" and (url is None or values.sqlite_path(url) is not None):
        detail = "gateway and worker share a store: database_url must name a PostgreSQL database"
        yield SettingFault("role", detail)
    same = fields["port"] == fields["admin_port"] and fields["host"] == fields["admin_host"]
    if same and fields["port"] != 0 and fields["role"] != "worker":
        yield SettingFault("port, admin_port", "are the same on one address")
