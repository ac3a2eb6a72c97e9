"""The Containerfile says what the image must be, and what it copies is there; its health check."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from firesteel.gateway.tls import self_signed
from firesteel.settings import load_settings
from tests.support.deployment import DEPLOY, ROOT, Instruction, containerfile
from tests.support.http_server import HttpServer, Reply

ALIVE = DEPLOY / "container" / "alive.py"


def instructions(word: str, stage: int | None = None) -> list[Instruction]:
    return [
        each
        for each in containerfile()
        if each.word == word and (stage is None or each.stage == stage)
    ]


def from_the_tree() -> list[str]:
    """What is copied out of the source tree."""
    copies = [each for each in instructions("COPY") if "--from=" not in each.rest]
    return [source.rstrip("/") for each in copies for source in each.operands[:-1]]


def test_every_instruction_is_known() -> None:
    known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"}
    known |= {"LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
    assert {each.word for each in containerfile()} <= known


def test_what_is_copied_is_in_the_tree_and_let_through_to_the_builder() -> None:
    let_through = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert from_the_tree()
    for source in from_the_tree():
        assert (ROOT / source).exists(), source
        inner = [each for each in let_through if Path(each).is_relative_to(source)]
        assert inner or any(Path(source).is_relative_to(each) for each in let_through), source
    for each in let_through:
        assert (ROOT / each).exists(), each
        assert any(Path(each).is_relative_to(source) for source in from_the_tree()), each


def test_the_builder_gets_nothing_that_is_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    assert "src/firesteel/admin/console/static" in lines
    assert "frontend/node_modules" in lines


def test_every_package_comes_with_a_hash() -> None:
    text = " && ".join(each.rest for each in instructions("RUN"))
    installs = [part for part in text.split("&&") if "pip install" in part]
    assert len(installs) == 3
    for part in installs:
        assert "--require-hashes" in part or "--no-index" in part, part
        for file in re.findall(r"-r (\S+)", part):
            assert (ROOT / file).is_file(), file


def test_the_packages_are_those_of_a_node_the_driver_of_postgresql_and_traces() -> None:
    def locked(file: str) -> set[str]:
        text = (ROOT / "requirements" / file).read_text()
        return set(re.findall(r"^([a-z0-9._-]+==\S+)", text, re.MULTILINE))

    assert locked("run.txt") < locked("postgresql.txt")
    added = {each.partition("==")[0] for each in locked("postgresql.txt") - locked("run.txt")}
    assert added == {"psycopg", "psycopg-binary", "tzdata"}
    assert locked("postgresql.txt") <= locked("dev.txt")
    assert locked("run.txt") < locked("otel.txt") <= locked("dev.txt")


def test_the_image_runs_as_a_numbered_user_who_is_not_root() -> None:
    last = [each for each in containerfile() if each.word in ("USER", "ENTRYPOINT")]
    assert [each.word for each in last] == ["USER", "ENTRYPOINT"]
    user, _, group = last[0].rest.partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_starts_a_node_by_words_and_not_by_a_shell() -> None:
    (entrypoint,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
    assert json.loads(entrypoint.rest)[-1] == "firesteel"
    assert json.loads(command.rest) == ["serve"]
    assert instructions("STOPSIGNAL")[0].rest == "SIGTERM"


def test_the_settings_of_the_image_are_taken() -> None:
    pairs = dict(word.partition("=")[::2] for each in instructions("ENV", 2) for word in each.words)
    settings = load_settings({}, pairs, None)

    (volume,) = instructions("VOLUME")
    assert str(settings.data_dir) == volume.rest
    (ports,) = instructions("EXPOSE")
    assert ports.words == [str(settings.port), str(settings.admin_port)]
    assert (settings.database_url, settings.encryption_key) == (None, None)


def test_the_health_check_runs_what_was_copied() -> None:
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check.rest.partition("CMD ")[2])
    copies = [each.operands[-1] for each in instructions("COPY", 2)]
    assert command[1] in copies


def alive(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ALIVE)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_container_is_alive_while_its_node_says_so(
    http_server: HttpServer, status: int, code: int
) -> None:
    http_server.reply("/health/live", Reply(status))
    done = alive(FIRESTEEL_ADMIN_PORT=http_server.url.rpartition(":")[2])
    assert done.returncode == code
    assert done.stderr == ("" if code == 0 else "/health/live answers 503\n")


def test_a_container_is_not_alive_where_nobody_answers() -> None:
    done = alive(FIRESTEEL_ADMIN_PORT="1")
    assert done.returncode == 1
    assert "does not answer" in done.stderr


def test_a_container_whose_ports_speak_https_is_asked_so(tmp_path: Path) -> None:
    files = self_signed(tmp_path, ["hooks.example.com"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    server = HTTPServer(("127.0.0.1", 0), _Ok)
    with server, context.wrap_socket(server.socket, server_side=True) as wrapped:
        server.socket = wrapped
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        done = alive(FIRESTEEL_ADMIN_PORT=str(server.server_port), FIRESTEEL_TLS="self-signed")
        answering.join(30)
    assert (done.returncode, done.stderr) == (0, "")


class _Ok(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/live" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass
