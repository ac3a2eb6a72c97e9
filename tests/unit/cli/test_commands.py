"""Commands that need no node: their output and exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firesteel.cli.app import run
from firesteel.cli.message_text import message_lines
from firesteel.cli.output import Output
from tests.support.postgres import NOBODY


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("FIRESTEEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out
    for command in ("serve", "dev", "demo", "init", "check", "diff", "apply", "export", "send"):
        assert re.search(rf"\b{command}\b", listed)
        assert run([command, "--help"]) == 0
    for group in ("key", "messages", "lanes", "workers", "secrets"):
        assert run([group, "--help"]) == 0


def test_each_setting_is_a_flag_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    from firesteel.settings import SETTINGS

    run(["serve", "--help"])
    shown = capsys.readouterr().out

    for setting in SETTINGS:
        assert "--" + setting.name.replace("_", "-") in shown
    assert "firesteel[otel]" in shown


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run(["nonsense"]) == 2


def test_a_wrong_setting_is_a_usage_error_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "99999"]) == 2
    assert "--port" in capsys.readouterr().err


def test_without_a_node_commands_exit_with_3_and_say_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["status"]) == 3
    assert "firesteel serve" in capsys.readouterr().err


def test_a_node_that_does_not_answer_exits_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRESTEEL_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FIRESTEEL_TOKEN", "secret-token-of-a-node")

    assert run(["messages", "list", "-w", "demo"]) == 3
    shown = capsys.readouterr()
    assert "secret-token" not in shown.err + shown.out


def test_errors_are_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json"]) == 3

    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "node_not_found"


def test_a_new_project_has_no_faults_and_no_warnings(tmp_path: Path) -> None:
    from firesteel.project import load_project

    assert run(["init", "mine"]) == 0

    project = load_project(tmp_path / "mine")
    assert project.faults == []
    assert project.warnings == []
    assert (tmp_path / "mine" / ".gitignore").exists()


def test_init_leaves_a_folder_alone_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept.txt").write_text("kept")

    assert run(["init", "mine"]) == 5
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["kept.txt"]


def test_check_prints_each_fault_with_its_place_and_exits_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["init", "mine"])
    file = Path("mine/integrations/hello.yaml")
    file.write_text(file.read_text().replace("methods: [GET]", "methods: [FETCH]"))
    capsys.readouterr()

    assert run(["check", "mine"]) == 1
    assert "mine/integrations/hello.yaml:4:13: error:" in capsys.readouterr().out


def test_check_finds_expressions_that_do_not_compile(capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", "mine"])
    file = Path("mine/integrations/hello.yaml")
    file.write_text(file.read_text().replace('"name": query.name', '"name": query.('))
    capsys.readouterr()

    assert run(["check", "mine", "--json"]) == 1
    (fault,) = json.loads(capsys.readouterr().out)
    assert fault["pointer"] == "/data_processing"
    assert fault["severity"] == "error"


def test_check_of_a_folder_that_is_not_there_exits_with_4() -> None:
    assert run(["check", "nowhere"]) == 4


def test_serve_refuses_a_project_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", "mine"])
    Path("mine/connections.yaml").write_text("erp: 1\n")

    assert run(["serve", "--project", "mine", "--port", "0", "--admin-port", "0"]) == 1
    assert "mine/connections.yaml:1" in capsys.readouterr().err
    assert not Path(".firesteel").exists()


def test_control_characters_of_callers_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().columns(("consumer",), [("evil\x1b[2J",)])

    assert "\x1b" not in capsys.readouterr().out


def test_no_colour_goes_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Output().columns(("state",), [("failed",), ("succeeded",)])

    assert "\x1b" not in capsys.readouterr().out


def test_a_role_of_its_own_needs_a_store_that_nodes_share(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["serve", "--role", "worker"]) == 2
    err = capsys.readouterr().err
    assert "settings_invalid" in err or "database_url must name a PostgreSQL database" in err
    assert not Path(".firesteel").exists()


def test_an_unusable_data_directory_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["serve", "--data-dir", str(tmp_path / "file" / "data")]) == 1
    err = capsys.readouterr().err
    assert "data_dir_unwritable" in err
    assert "Traceback" not in err


@pytest.fixture
def closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory that this user may not look into, as /root is to the node's user."""
    folder = tmp_path / "closed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run(["doctor"])  # what is imported late is there from now on
    run(["status"])
    folder.chmod(0)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(NOBODY)
    yield
    if as_root:
        os.seteuid(0)
    folder.chmod(0o700)


@pytest.mark.usefixtures("closed_folder")
def test_commands_work_in_a_folder_that_may_not_be_looked_into(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", "/nowhere")

    run(["doctor"])
    assert "ok       settings" in capsys.readouterr().out
    assert run(["status"]) == 3
    assert "no node runs" in capsys.readouterr().err
    assert run(["init", "project"]) == 1
    assert capsys.readouterr().err == "error: project: Permission denied\n"


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = [sys.executable, "-m", "firesteel", "init", "project"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (0, b"")


def test_a_failed_sql_step_is_shown_with_what_the_database_said() -> None:
    failure = {
        "kind": "unknown",
        "code": "sql_failed",
        "step": "insert",
        "detail": "the database refused: OperationalError (SQLITE_ERROR)",
        "faults": [],
        "trace": "Traceback (most recent call last):\n"
        '  File "base.py", line 1, in execute\n'
        "sqlite3.OperationalError: no such table: orders\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: orders\n",
    }
    message = {
        "id": "01a2",
        "integration": "OrderToErp",
        "sequence": 1,
        "consumer": None,
        "received_at": "2026-11-30T14:40:53Z",
        "request": None,
        "executions": [
            {
                "state": "failed",
                "run": 1,
                "version": 1,
                "attempts": 1,
                "reason": None,
                "ended_by": None,
                "settled_at": None,
                "failed_attempts": [],
                "input": None,
                "steps": [],
                "failure": failure,
                "response": None,
                "logs": "",
            }
        ],
    }

    shown = list(message_lines(message, full=False))

    assert shown[-2].endswith("unknown sql_failed in step insert: " + str(failure["detail"]))
    assert shown[-1].strip() == "sqlite3.OperationalError: no such table: orders"
