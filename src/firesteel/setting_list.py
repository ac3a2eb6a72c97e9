"""The list of settings: names, how each is read, its default, and what it is for.

The reference (docs/reference/settings.md) is held to it by a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from firesteel import setting_values as values
from firesteel.model.forwarded import ProxyHeaders

ENVIRONMENT_PREFIX = "FIRESTEEL_"

Role = Literal["all", "gateway", "worker"]


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
        "The workspace that a project's integrations belong to; without it that of the store's "
        "first start, where a name of five letters and digits is made.",
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
        "admin_url",
        "admin_url",
        values.public_url,
        "",
        "The address by which people reach the console; links in alerts show it. Without it the "
        "admin port's own address.",
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
        "hsts_max_age",
        "hsts_max_age_s",
        values.duration(0, 2 * 365 * 86400),
        "0s",
        "For how long browsers are told, on every answer of both ports, to come to this host by "
        "HTTPS only (Strict-Transport-Security), e.g. 8760h; needs tls_cert. It holds for every "
        "port of the host, other services too.",
    ),
    Setting(
        "tls_client_ca",
        "tls_client_ca",
        values.path,
        "",
        "Certificates, in PEM, of the authorities that sign client certificates; the public port "
        "then asks clients for one. Read anew when the file changes.",
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
        "shutdown_delay",
        "shutdown_delay_s",
        values.duration(0, 3600),
        "0s",
        "How long a node that is told to stop goes on taking calls while its health is red, so "
        "that balancers send further ones elsewhere: longer than they take to see it, e.g. 5s.",
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
        "yet; a call over it gets 503 overloaded. One trigger may hold as much as is then left for "
        "all others. One body alone may be longer.",
    ),
    Setting(
        "bodies_on_disk",
        "bodies_on_disk_bytes",
        values.size(100 * 1024**2),
        "1GiB",
        "Bytes of bodies over 1 MiB that the node holds in the data directory while they come in "
        "and until they are committed; a call over it gets 503 overloaded. One trigger may hold as "
        "much as is then left for all others.",
    ),
    Setting(
        "bodies_running",
        "bodies_running_bytes",
        values.size(1024**2),
        "256MiB",
        "Bytes of bodies over 256 KiB of executions that run at once on the node, in the engine "
        "and in its workers; further ones wait with their slot. One trigger may hold as much as is "
        "then left for all others. One body alone may be longer.",
    ),
    Setting(
        "worker_slots",
        "worker_slots",
        values.positive(10_000),
        "64",
        "Attempts that one worker process runs at once.",
    ),
    Setting(
        "engine_processors",
        "engine_processors",
        values.choice("auto", "all"),
        "auto",
        "auto: where the node may run on exactly two processors and its store is SQLite, its event "
        "loop and the store's writer keep to one of them; all: they run on both, which suits a "
        "machine with nothing else on it and calls that are only recorded. Linux only.",
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
