"""check, diff, apply, export: integrations as files, against a real node."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import ProjectFolder, RunningNode

OPEN = """\
name: {name}
trigger:
  request_response: true
data_processing: |
  {{"greeting": "{text}"}}
workflow:
  steps:
    - name: done
      map: "{{% input %}}"
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / "integrations" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(OPEN.format(name=name, text=text))
    return file


def test_what_is_applied_answers_the_next_call(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    file = write(tmp_path, "Applied", "one")

    assert cli("apply", file) == 0, cli.err
    assert "version 1 published" in cli.out
    assert node.call("Applied").json() == {"greeting": "one"}
    write(tmp_path, "Applied", "two")
    assert cli("apply", file) == 0
    assert "version 2 published" in cli.out
    assert node.call("Applied").json() == {"greeting": "two"}


def test_applying_the_same_again_changes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "Same", "one")
    cli("apply", file)

    (again,) = cli.json("apply", file)["integrations"]

    assert (again["changed"], again["version"]) == (False, 1)


def test_a_dry_run_publishes_nothing(cli: CommandLine, node: RunningNode, tmp_path: Path) -> None:
    assert cli("apply", write(tmp_path, "Dry", "one"), "--dry-run") == 0

    assert "would be published" in cli.out
    assert node.call("Dry").status_code == 404


def test_diff_shows_what_apply_would_change(cli: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, "Differs", "one")
    cli("apply", file)
    assert cli("diff", file, "--exit-code") == 0
    assert "no differences" in cli.out

    write(tmp_path, "Differs", "two")

    assert cli("diff", file) == 0
    assert '-  {"greeting": "one"}' in cli.out
    assert '+  {"greeting": "two"}' in cli.out
    assert cli("diff", file, "--exit-code") == 1


def test_diff_names_the_integration_where_only_who_may_call_differs(
    cli: CommandLine, tmp_path: Path
) -> None:
    file = write(tmp_path, "Called", "one")
    key = "authentication: [{api_key: {label: shop, value: the-key-of-the-shop}}]"
    file.write_text(file.read_text().replace("trigger:\n", f"trigger:\n  {key}\n"))
    assert cli("apply", file) == 0, cli.err
    assert cli("key", "add", "Called", "of the console") == 0, cli.err

    assert cli("diff", file) == 0

    first, second = cli.out.splitlines()[:2]
    assert first == "Called: the same but for who may call"
    assert "of the console: not in the file" in second


def test_one_fault_keeps_everything_from_being_published(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    write(tmp_path, "Good", "one")
    bad = write(tmp_path, "Bad", "one")
    bad.write_text(bad.read_text().replace("{% input %}", "{% $sum( %}"))

    assert cli("apply", tmp_path) == 1

    assert f"{bad}:9:" in cli.err
    assert "nothing was published" in cli.err
    assert node.call("Good").status_code == 404


def test_a_reference_that_is_not_set_is_a_fault_at_its_place(
    cli: CommandLine, tmp_path: Path
) -> None:
    file = write(tmp_path, "Keyed", "one")
    key = 'authentication: [{api_key: {label: shop, value: "${NOWHERE_SET}"}}]'
    file.write_text(file.read_text().replace("trigger:\n", f"trigger:\n  {key}\n"))

    assert cli("apply", file) == 1
    assert f"{file}:3:" in cli.err
    assert "reference_missing" in cli.err


def test_a_secret_of_the_workspace_is_put_in_for_its_name(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    token = node.address["token"]
    node.client.put(
        f"{node.address['admin_url']}/api/v1/workspaces/test/secrets/SHOP_KEY",
        headers={"authorization": f"Bearer {token}"},
        json={"value": "the-secret-of-the-shop"},
    ).raise_for_status()
    file = write(tmp_path, "Keyed", "one")
    key = 'authentication: [{api_key: {label: shop, value: "${SHOP_KEY}"}}]'
    file.write_text(file.read_text().replace("trigger:\n", f"trigger:\n  {key}\n"))

    assert cli("apply", file) == 0, cli.err

    assert node.call("Keyed", headers={"x-api-key": "wrong"}).status_code == 401
    called = node.call("Keyed", headers={"x-api-key": "the-secret-of-the-shop"})
    assert called.status_code == 200
    assert cli.json("secrets", "list") == ["SHOP_KEY"]


@pytest.mark.parametrize(("size_bytes", "warnings"), [(15, 1), (16, 0)])
def test_a_short_secret_is_kept_and_warned_of(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, size_bytes: int, warnings: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("é" * (size_bytes // 2) + "x" * (size_bytes % 2)))
    assert cli("secrets", "put", f"OF_{size_bytes}_BYTES") == 0
    assert cli.out == f"kept OF_{size_bytes}_BYTES\n"
    assert cli.err.count("may be guessed") == warnings
    assert cli("secrets", "delete", f"OF_{size_bytes}_BYTES") == 0


def test_a_key_without_value_is_generated_and_printed_once(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    file = write(tmp_path, "Generated", "one")
    key = "authentication: [{api_key: {label: shop}}]"
    file.write_text(file.read_text().replace("trigger:\n", f"trigger:\n  {key}\n"))

    (first,) = cli.json("apply", file)["integrations"]
    (second,) = cli.json("apply", file)["integrations"]

    secret = first["keys"][0]["secret"]
    assert node.call("Generated", headers={"x-api-key": secret}).status_code == 200
    assert second["keys"] == [{"label": "shop", "act": "kept", "secret": None}]


def test_prune_removes_what_the_project_no_longer_has(
    cli: CommandLine, node: RunningNode, tmp_path: Path, project: ProjectFolder
) -> None:
    file = write(project.path, "Gone", "one")
    assert cli("apply", project.path) == 0, cli.err
    file.unlink()

    assert cli("apply", project.path) == 0
    assert node.call("Gone").status_code == 200
    applied = cli.json("apply", project.path, "--prune")
    assert "Gone" in applied["removed"]
    assert node.call("Gone").status_code == 404
    assert node.call("Echo").status_code == 200


def test_what_is_exported_can_be_applied_without_a_difference(
    cli: CommandLine, tmp_path: Path
) -> None:
    assert cli("export", "exported") == 0, cli.err

    assert (tmp_path / "exported" / "integrations" / "Echo.yaml").exists()
    text = (tmp_path / "exported" / "integrations" / "Echo.yaml").read_text()
    assert "test-key" not in text
    assert cli("export", "exported") == 0
    assert cli.out.startswith("0 written")
    assert cli("diff", "exported") == 0, cli.err


def test_export_overwrites_a_changed_file_only_with_force(cli: CommandLine, tmp_path: Path) -> None:
    cli("export", "mine")
    file = tmp_path / "mine" / "integrations" / "Echo.yaml"
    file.write_text("name: Echo\n")

    assert cli("export", "mine") == 5
    assert file.read_text() == "name: Echo\n"
    assert cli("export", "mine", "--force") == 0
    assert "request_response" in file.read_text()


def test_export_refuses_a_connection_whose_password_is_not_shown(
    cli: CommandLine, node: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/workspaces/test/connections/erp"
    node.admin("PUT", path, json={"sql": "postgresql://erp:hunter2@db/erp"})
    token = cli.json("token", "add", "reader", "--scope", "view")["secret"]
    assert cli("export", "whole") == 0
    assert "hunter2" in (tmp_path / "whole" / "connections.yaml").read_text()

    with monkeypatch.context() as reader:
        reader.setenv("FIRESTEEL_URL", node.address["admin_url"])
        reader.setenv("FIRESTEEL_TOKEN", token)
        refused = cli("export", "masked")

    assert (refused, (tmp_path / "masked").exists()) == (5, False)
    assert "erp" in cli.err
    assert "${NAME}" in cli.err
    node.admin("DELETE", path)


def test_files_do_not_overwrite_what_the_console_manages_unless_told_to(
    cli: CommandLine, node: RunningNode, tmp_path: Path
) -> None:
    document = {"name": "Consoles", "description": "made by hand"}
    node.admin("PUT", "/workspaces/test/integrations/Consoles", json=document)
    file = write(tmp_path, "Consoles", "one")

    assert cli("apply", file) == 1
    assert "managed_by_console" in cli.err
    assert cli("apply", file, "--take-over") == 0
    refused = node.client.put(
        f"{node.address['admin_url']}/api/v1/workspaces/test/integrations/Consoles",
        headers={"authorization": f"Bearer {node.address['token']}"},
        json=document,
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:firesteel:managed_by_files")


def test_an_edit_based_on_an_older_version_is_refused(node: RunningNode) -> None:
    path = "/workspaces/test/integrations/Edited"
    node.admin("PUT", path, json={"name": "Edited", "description": "1"})
    node.admin("PUT", path, json={"description": "2"})
    address = node.address

    refused = node.client.put(
        f"{address['admin_url']}/api/v1{path}",
        headers={"authorization": f"Bearer {address['token']}", "if-match": '"1"'},
        json={"description": "3"},
    )

    assert (refused.status_code, refused.json()["type"]) == (412, "urn:firesteel:changed_meanwhile")


def test_a_call_that_leads_back_to_itself_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "integrations"
    folder.mkdir()
    for name, target in (("First", "Second"), ("Second", "First")):
        text = f"name: {name}\nworkflow:\n  steps: [{{name: c, call: {{integration: {target}}}}}]\n"
        (folder / f"{name}.yaml").write_text(text)

    assert cli("apply", tmp_path) == 1
    assert "call_cycle" in cli.err
