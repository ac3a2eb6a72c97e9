"""The compose files: how nodes are kept, what they share, and who reaches them."""

from __future__ import annotations

import itertools
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firesteel.model.quantities import parse_duration
from firesteel.settings import Settings, load_settings
from firesteel.supervisor import STOP_MARGIN_S
from tests.support.deployment import DEPLOY, assignments, document

COMPOSE = DEPLOY / "compose"
CLUSTER = COMPOSE / "compose.yaml"
SINGLE = COMPOSE / "single-node.yaml"


def services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document(path)["services"]
    return found


def nodes(path: Path) -> dict[str, dict[str, Any]]:
    """The services that are nodes."""
    return {
        name: each
        for name, each in services(path).items()
        if each["image"].startswith("firesteel:")
    }


def settings_of(node: dict[str, Any]) -> Settings:
    return load_settings({}, node["environment"], None)


def test_a_stopping_gateway_takes_calls_until_the_balancer_has_seen_it() -> None:
    (line,) = [line for line in balancer_lines()["defaults"] if line[0] == "default-server"]
    options = dict(itertools.pairwise(line))
    seen_s = parse_duration(options["inter"]) * int(options["fall"])
    for node in nodes(CLUSTER).values():
        assert settings_of(node).shutdown_delay_s > seen_s + parse_duration(options["inter"])


@pytest.mark.parametrize("path", [CLUSTER, SINGLE], ids=lambda path: path.name)
def test_a_stopping_node_has_the_time_that_it_takes(path: Path) -> None:
    for node in nodes(path).values():
        settings = settings_of(node)
        needed_s = settings.shutdown_delay_s + settings.shutdown_timeout_s + STOP_MARGIN_S
        assert parse_duration(node["stop_grace_period"]) > needed_s


@pytest.mark.parametrize("path", [CLUSTER, SINGLE], ids=lambda path: path.name)
def test_nodes_write_nothing_but_their_data_and_temporary_files(path: Path) -> None:
    for node in nodes(path).values():
        assert node["read_only"] is True
        assert node["cap_drop"] == ["ALL"]
        assert node["security_opt"] == ["no-new-privileges:true"]
        written = [mount.split(":")[0] for mount in node["tmpfs"]]
        written += [mount.split(":")[1] for mount in node.get("volumes", [])]
        assert sorted(written) == ["/tmp", "/var/lib/firesteel"]
        assert "privileged" not in node
        assert "user" not in node


@pytest.mark.parametrize("path", [CLUSTER, SINGLE], ids=lambda path: path.name)
def test_ports_are_reached_from_the_machine_itself_only(path: Path) -> None:
    published = [port for each in services(path).values() for port in each.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("path", [CLUSTER, SINGLE], ids=lambda path: path.name)
def test_the_network_of_the_nodes_is_the_one_whose_proxies_they_trust(path: Path) -> None:
    (network,) = document(path)["networks"].values()
    subnets = tuple(each["subnet"] for each in network["ipam"]["config"])
    for node in nodes(path).values():
        assert settings_of(node).trusted_proxies == subnets


@pytest.mark.parametrize("path", [CLUSTER, SINGLE], ids=lambda path: path.name)
def test_nodes_are_built_from_the_containerfile(path: Path) -> None:
    for node in nodes(path).values():
        context = COMPOSE / node["build"]["context"]
        assert (context / node["build"]["dockerfile"]).is_file()
        assert (context / "pyproject.toml").is_file()


def test_two_gateways_and_two_workers_share_one_database_and_one_key() -> None:
    roles = [each["command"][2] for each in nodes(CLUSTER).values()]
    assert roles == ["gateway", "gateway", "worker", "worker"]
    assert {each["env_file"] for each in nodes(CLUSTER).values()} == {"secrets/firesteel.env"}
    for node in nodes(CLUSTER).values():
        assert (
            set(node["environment"]) & {"FIRESTEEL_DATABASE_URL", "FIRESTEEL_ENCRYPTION_KEY"}
            == set()
        )
        assert node["depends_on"]["database"]["condition"] == "service_healthy"


def test_each_node_keeps_its_name_in_a_volume_of_its_own() -> None:
    kept = [each["volumes"] for each in nodes(CLUSTER).values()]
    assert kept == [[f"{name}:/var/lib/firesteel"] for name in nodes(CLUSTER)]
    assert [each["hostname"] for each in nodes(CLUSTER).values()] == list(nodes(CLUSTER))
    assert set(nodes(CLUSTER)) <= set(document(CLUSTER)["volumes"])


def test_the_secrets_are_made_once_and_are_nobody_else_s(tmp_path: Path) -> None:
    shutil.copy(COMPOSE / "secrets.sh", tmp_path)
    command = ["sh", str(tmp_path / "secrets.sh")]
    subprocess.run(command, check=True, timeout=30)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    again = subprocess.run(command, check=False, timeout=30, capture_output=True, text=True)

    settings = load_settings({}, assignments(made["firesteel.env"]), None)
    assert settings.encryption_key is not None
    assert f":{made['postgres_password']}@database/" in str(settings.database_url)
    assert len(made["postgres_password"]) == 48
    for path in (tmp_path / "secrets", *(tmp_path / "secrets").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}


def test_the_database_of_the_url_is_the_one_that_is_started() -> None:
    database = services(CLUSTER)["database"]
    url = re.search(r"postgresql://(\w+):%s@(\w+)/(\w+)", (COMPOSE / "secrets.sh").read_text())
    assert url is not None
    made = re.search(r"CREATE DATABASE (\w+) OWNER (\w+)", (COMPOSE / "database.sql").read_text())
    assert made is not None
    assert url.groups() == (made[2], "database", made[1])
    assert "secrets/" in (COMPOSE / ".gitignore").read_text().splitlines()
    assert database["volumes"] == [
        "database:/var/lib/postgresql",  # PostgreSQL 18's image
        "./database.sql:/docker-entrypoint-initdb.d/firesteel.sql:ro",
    ]


def test_the_nodes_user_is_no_administrator_of_the_database() -> None:
    assert set(services(CLUSTER)["database"]["environment"]) == {"POSTGRES_PASSWORD_FILE"}
    statements = [
        line
        for line in (COMPOSE / "database.sql").read_text().splitlines()
        if not line.startswith("--")
    ]
    assert statements[0].split() == ["\\getenv", "password", "POSTGRES_PASSWORD"]
    assert statements[1] == "CREATE ROLE firesteel LOGIN PASSWORD :'password';"
    # The administrator would have the same password otherwise.
    assert statements[-1] == "ALTER ROLE postgres PASSWORD NULL;"


def balancer_lines() -> dict[str, list[list[str]]]:
    """The lines of the balancer's file, by section."""
    found: dict[str, list[list[str]]] = {}
    lines = (COMPOSE / "haproxy.cfg").read_text().splitlines()
    section = ""
    for line in lines:
        if line and not line.startswith(("#", " ")):
            section = line
            found[section] = []
        elif line.strip() and not line.strip().startswith("#"):
            found[section].append(line.split())
    return found


@pytest.mark.parametrize(
    ("listen", "port", "path"),
    [("public", "8080", "/-/health"), ("admin", "8081", "/health/ready")],
)
def test_the_balancer_passes_tcp_on_to_the_gateways_that_are_healthy(
    listen: str, port: str, path: str
) -> None:
    sections = balancer_lines()
    assert ["mode", "tcp"] in sections["defaults"]
    lines = sections[f"listen {listen}"]
    servers = [line[2] for line in lines if line[0] == "server" and "backup" not in line]
    gateways = [name for name, each in nodes(CLUSTER).items() if "gateway" in each["command"]]
    assert servers == [f"{name}:{port}" for name in gateways]
    (check,) = (line for line in lines if line[:2] == ["http-check", "send"])
    assert check[check.index("uri") + 1] == path
    published = [each.split(":", 1)[1] for each in services(CLUSTER)["balancer"]["ports"]]
    assert f"{port}:{port}" in published
    assert ["bind", f":{port}"] in lines


def test_callers_get_the_gateways_own_503_while_none_is_healthy() -> None:
    lines = balancer_lines()["listen public"]
    servers = [line for line in lines if line[0] == "server"]
    asked = [line[2] for line in servers if "backup" not in line]
    anyway = [line[2] for line in servers if {"no-check", "backup"} <= set(line)]
    assert asked == anyway
    assert ["option", "allbackups"] in lines


def test_the_balancer_waits_longer_than_any_caller() -> None:
    longest_s = 15 * 60
    timeouts = {line[1]: line[2] for line in balancer_lines()["defaults"] if line[0] == "timeout"}
    assert parse_duration(timeouts["client"]) > longest_s
    assert parse_duration(timeouts["server"]) > longest_s


def test_haproxy_finds_no_fault_in_its_file(tmp_path: Path) -> None:
    program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if program is None:
        pytest.skip("haproxy is not on this machine")
    here = tmp_path / "haproxy.cfg"
    text = (COMPOSE / "haproxy.cfg").read_text()
    here.write_text(re.sub(r"(server \S+) gateway-\d:", r"\1 127.0.0.1:", text))
    done = subprocess.run(
        [program, "-c", "-f", str(here)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
