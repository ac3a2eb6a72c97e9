"""The settings of a node: one frozen object, read from flags, environment and firesteel.toml.

Flag beats environment beats file beats default. A setting that nobody knows is an error that names
the nearest known one, and all faults are told at once. Durations are written ``30s``, sizes
``1GiB``; fields end in the unit that they are kept in.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from firesteel import setting_values as values
from firesteel.errors import OperatorError
from firesteel.model.forwarded import Proxies, ProxyHeaders

FILE = "firesteel.toml"
ENVIRONMENT_PREFIX = "FIRESTEEL_"
STORE_FILE = "firesteel.db"

Role = Literal["all", "gateway", "worker"]

# Read by the CLI (another node's address) and by processes of a node among themselves.
_NO_SETTINGS = frozenset({"FIRESTEEL_URL", "FIRESTEEL_TOKEN", "FIRESTEEL_LIFELINE_FD"})
_INTERNAL_PREFIX = "FIRESTEEL_WORKER_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: ``name`` is its key in firesteel.toml and, in upper case behind FIRESTEEL_, its
    environment variable. ``field`` is its place in Settings. ``default`` as it is written, "" for
    none. ``parse`` raises ValueError with a text for people."""

    name: str
    field: str
    parse: Callable[[str], Any]
    default: str
    description: str

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def nothing(self) -> tuple[str, ...] | None:
        """Its value where nothing is written: of a list an empty one."""
        return () if self.parse in (values.networks, values.hosts) else None


SETTINGS: tuple[Setting, ...] = (
    Setting("host", "host", values.host, "127.0.0.1", "Address of the public port."),
    Setting("port", "port", values.port, "8080", "Public port; 0 takes a free one."),
    Setting(
        "admin_host",
        "admin_host",
        values.host,
        "127.0.0.1",
        "Address of the admin port: console and REST API.",
    ),
    Setting("admin_port", "admin_port", values.port, "8081", "Admin port; 0 takes a free one."),
    Setting(
        "data_dir",
        "data_dir",
        values.path,
        ".firesteel",
        "Directory of the store, the encryption key and the local token; on a local disk.",
    ),
    Setting(
        "database_url",
        "database_url",
        values.database_url,
        "",
        "The store's database: sqlite:///path/to/file, or postgresql://user:password@host/name, "
        "which several nodes may share; without it an SQLite file in the data directory.",
    ),
    Setting(
        "role",
        "role",
        values.choice(*get_args(Role)),
        "all",
        "What the node does: gateway takes calls and runs none, worker runs what was accepted and "
        "has no public port, all does both; on PostgreSQL only.",
    ),
    Setting(
        "workers",
        "workers",
        values.positive(1024),
        "",
        "Worker processes; without it one for each core, on a gateway one.",
    ),
    Setting(
        "workspace",
        "workspace",
        values.workspace,
        "",
        "The workspace that a project's integrations belong to; without it a name of five letters "
        "and digits is made at the first start.",
    ),
    Setting(
        "encryption_key",
        "encryption_key",
        values.encryption_key,
        "",
        "Key of 32 bytes, in URL-safe base64, that seals secrets; without it one is made at the "
        "first start and kept in the data directory with mode 0600.",
    ),
    Setting(
        "retention_days",
        "retention_days",
        values.positive(36_500),
        "30",
        "Days for which messages that have ended are kept, where neither an integration nor its "
        "workspace says so.",
    ),
    Setting(
        "archive",
        "archive",
        values.choice("on", "off"),
        "off",
        "Whether messages are written to the archive before retention lets them go, where neither "
        "an integration nor its workspace says so.",
    ),
    Setting(
        "archive_dir",
        "archive_dir",
        values.path,
        "",
        "Directory of the archive; without it, archive in the data directory.",
    ),
    Setting(
        "key_warning_days",
        "key_warning_days",
        values.positive(3650),
        "14",
        "Days before an API key expires from which the console, the log and the commands warn.",
    ),
    Setting(
        "outgoing_allow",
        "outgoing_allow",
        values.networks,
        "",
        "Networks that http steps may reach although they are private or loopback, separated by "
        "commas, such as 10.0.0.0/8,127.0.0.0/8.",
    ),
    Setting(
        "public_url",
        "public_url",
        values.public_url,
        "",
        "The address by which callers reach the public port; Location, status_url and snippets "
        "show it. Without it they are paths.",
    ),
    Setting(
        "trusted_proxies",
        "trusted_proxies",
        values.networks,
        "",
        "Networks of proxies in front of the node, separated by commas: only what they say of who "
        "calls is believed.",
    ),
    Setting(
        "proxy_headers",
        "proxy_headers",
        values.choice(*get_args(ProxyHeaders)),
        "x-forwarded",
        "What the trusted proxies write: x-forwarded (X-Forwarded-For, -Proto and -Host), or "
        "forwarded (RFC 7239). The other kind is not read, since a proxy passes it on as it came.",
    ),
    Setting(
        "allowed_hosts",
        "allowed_hosts",
        values.hosts,
        "",
        "Host names by which the public port may be called, separated by commas, also "
        "*.example.com; others get 421. Names of this machine and that of public_url are always "
        "allowed. Without it any name.",
    ),
    Setting(
        "admin_allowed_hosts",
        "admin_allowed_hosts",
        values.hosts,
        "",
        "The same for the admin port. Without it any name, but on a loopback address without "
        "trusted_proxies only names of this machine.",
    ),
    Setting(
        "max_connections",
        "max_connections",
        values.positive(1_000_000),
        "10000",
        "Connections that the public port holds at once; further ones get 503 and are closed.",
    ),
    Setting(
        "max_connections_per_address",
        "max_connections_per_address",
        values.positive(1_000_000),
        "2500",
        "The same for one address (of IPv6 one /64); trusted proxies may hold any number.",
    ),
    Setting(
        "client_certificate_header",
        "client_certificate_header",
        values.header_name,
        "",
        "The header in which the trusted proxies pass on the certificate of a client that they "
        "have verified, such as X-SSL-Client-Cert or Client-Cert; without it no header is read.",
    ),
    Setting("tls_cert", "tls_cert", values.path, "", "Certificate chain in PEM; with tls_key."),
    Setting("tls_key", "tls_key", values.path, "", "Private key in PEM; reloaded when it changes."),
    Setting(
        "tls_client_ca",
        "tls_client_ca",
        values.path,
        "",
        "Certificates, in PEM, of the authorities that sign client certificates; the public port "
        "then asks clients for one. Read at the start.",
    ),
    Setting(
        "tls",
        "tls",
        values.choice("off", "self-signed"),
        "off",
        "self-signed makes a local certificate in the data directory.",
    ),
    Setting(
        "session_idle",
        "session_idle_s",
        values.duration(60, 366 * 86400),
        "12h",
        "How long a browser stays signed in at the console without use.",
    ),
    Setting(
        "session_lifetime",
        "session_lifetime_s",
        values.duration(60, 366 * 86400),
        "7d",
        "How long a browser stays signed in at the console at most.",
    ),
    Setting(
        "shutdown_timeout",
        "shutdown_timeout_s",
        values.duration(1, 3600),
        "30s",
        "How long a stopping node lets running executions and calls finish.",
    ),
    Setting(
        "disk_reserve",
        "disk_reserve_bytes",
        values.size(0),
        "1GiB",
        "Free disk space below which new calls get 503; at most 5 % of the disk.",
    ),
    Setting(
        "bodies_in_flight",
        "bodies_in_flight_bytes",
        values.size(1024**2),
        "64MiB",
        "Bytes of bodies that the node holds in memory at once, received in part or not committed "
        "yet; a call over it gets 503 overloaded. One body alone may be longer.",
    ),
    Setting(
        "bodies_on_disk",
        "bodies_on_disk_bytes",
        values.size(100 * 1024**2),
        "1GiB",
        "Bytes of bodies over 1 MiB that the node holds in the data directory while they come in "
        "and until they are committed; a call over it gets 503 overloaded.",
    ),
    Setting(
        "worker_slots",
        "worker_slots",
        values.positive(10_000),
        "64",
        "Attempts that one worker process runs at once.",
    ),
    Setting(
        "worker_memory",
        "worker_memory_bytes",
        values.size(128 * 1024**2),
        "1GiB",
        "Memory that one worker process may take.",
    ),
    Setting(
        "log_level",
        "log_level",
        values.choice("debug", "info", "warning", "error"),
        "info",
        "The least level that is logged.",
    ),
    Setting(
        "log_format",
        "log_format",
        values.choice("text", "json"),
        "text",
        "text for people, json for machines: one object a line.",
    ),
    Setting(
        "log_workflows",
        "log_workflows",
        values.choice("off", "on"),
        "off",
        "on: what workflows print and log is logged too, with the ids of its execution.",
    ),
    Setting(
        "access_log",
        "access_log",
        values.choice("off", "on"),
        "off",
        "on: each call of the public port is logged when it is answered.",
    ),
    Setting(
        "traces",
        "traces",
        values.choice("off", "on"),
        "off",
        "on: workers export spans of attempts and steps by OTLP over HTTP; needs firesteel[otel].",
    ),
    Setting(
        "traces_endpoint",
        "traces_endpoint",
        values.public_url,
        "",
        "Where to, such as http://127.0.0.1:4318, in place of OTEL_EXPORTER_OTLP_ENDPOINT.",
    ),
)


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
    trusted_proxies: tuple[str, ...]
    proxy_headers: ProxyHeaders
    allowed_hosts: tuple[str, ...]
    admin_allowed_hosts: tuple[str, ...]
    max_connections: int
    max_connections_per_address: int
    client_certificate_header: str | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    tls: Literal["off", "self-signed"]
    session_idle_s: float
    session_lifetime_s: float
    shutdown_timeout_s: float
    disk_reserve_bytes: int
    bodies_in_flight_bytes: int
    bodies_on_disk_bytes: int
    worker_slots: int
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
        faults.append(SettingFault(FILE, f"cannot be read: {error.strerror}"))
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(SettingFault(FILE, f"is not TOML: {error}"))
        return []
    return [(f"{FILE}: {name}", name, value) for name, value in table.items()]


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
