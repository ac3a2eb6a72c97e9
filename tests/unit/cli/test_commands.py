"""Commands that need no node: their output and exit codes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from firesteel.cli.app import run
from firesteel.cli.output import Output


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
