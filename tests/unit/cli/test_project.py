"""A project folder: what is read of it, and where its faults are."""

from __future__ import annotations

from pathlib import Path

from firesteel.model.fault import Fault
from firesteel.project import load_project, watched_files

GOOD = """\
name: ItemPrice
trigger:
  authentication:
    - api_key: {label: web shop, value: "${WEBSHOP_KEY}"}
workflow:
  steps:
    - name: price
      sql: {connection: erp, statement: select 1}
"""
CONNECTIONS = 'erp: {sql: "sqlite:///erp.db"}\n'


def project(folder: Path, **files: str) -> Path:
    """Files by their path, with __ for / and _dot_ for the dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def places(faults: list[Fault], folder: Path) -> list[tuple[str, int, str]]:
    return [(str(Path(f.file).relative_to(folder)), f.line, f.code) for f in faults]


def test_a_project_without_faults_has_its_integrations_and_connections(tmp_path: Path) -> None:
    folder = project(tmp_path, integrations__price_dot_yaml=GOOD, connections_dot_yaml=CONNECTIONS)

    found = load_project(folder)

    assert found.faults == []
    assert [item.name for item in found.integrations] == ["ItemPrice"]
    assert list(found.connections) == ["erp"]
    assert found.whole


def test_every_fault_of_every_file_is_found_at_once(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        firesteel_dot_toml="workspace = 'demo'\nprot = 8080\n",
        connections_dot_yaml="erp: {sqll: x}\n",
        integrations__a_dot_yaml="name: a b\n",
        integrations__b_dot_yaml="name: b\nworkflow:\n  python: broken:run\n",
        workflows__broken_dot_py="def run(:\n",
    )

    found = places(load_project(folder).faults, folder)

    assert ("firesteel.toml", 2, "setting_invalid") in found
    assert ("connections.yaml", 1, "one_of") in found
    assert ("integrations/a.yaml", 1, "name_invalid") in found
    assert ("workflows/broken.py", 1, "python_syntax") in found


def test_a_connection_that_is_not_there_is_a_fault_at_its_place(tmp_path: Path) -> None:
    folder = project(tmp_path, integrations__p_dot_yaml=GOOD, connections_dot_yaml="")

    (fault,) = load_project(folder).faults

    assert (fault.line, fault.code) == (8, "connection_unknown")


def test_a_python_function_that_is_not_there_is_a_fault_with_the_nearest_name(
    tmp_path: Path,
) -> None:
    folder = project(
        tmp_path,
        integrations__p_dot_yaml="name: p\nworkflow:\n  python: pricing:item_prise\n",
        workflows__pricing_dot_py="def item_price(input): ...\n",
    )

    (fault,) = load_project(folder).faults

    assert (fault.line, fault.code) == (3, "function_unknown")
    assert "item_price" in fault.hint


def test_a_python_module_that_is_nowhere_is_a_fault(tmp_path: Path) -> None:
    folder = project(
        tmp_path, integrations__p_dot_yaml="name: p\nworkflow: {python: 'nowhere_x:run'}\n"
    )

    (fault,) = load_project(folder).faults

    assert fault.code == "function_unknown"


def test_two_files_with_one_name_are_a_fault(tmp_path: Path) -> None:
    folder = project(
        tmp_path, integrations__a_dot_yaml="name: same\n", integrations__b_dot_yaml="name: same\n"
    )

    assert places(load_project(folder).faults, folder) == [("integrations/b.yaml", 1, "not_unique")]


def test_a_single_file_is_checked_against_its_project_and_is_not_the_whole(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        connections_dot_yaml=CONNECTIONS,
        integrations__caller_dot_yaml=(
            "name: caller\nworkflow:\n  steps:\n    - {name: c, call: {integration: ItemPrice}}\n"
        ),
        integrations__price_dot_yaml=GOOD,
    )

    found = load_project(folder / "integrations" / "caller.yaml")

    assert found.faults == []
    assert [item.name for item in found.integrations] == ["caller"]
    assert not found.whole


def test_the_integrations_folder_alone_may_be_named(tmp_path: Path) -> None:
    folder = project(tmp_path, integrations__price_dot_yaml=GOOD, connections_dot_yaml=CONNECTIONS)

    found = load_project(folder / "integrations")

    assert found.faults == []
    assert not found.whole


def test_a_file_that_is_not_utf_8_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    folder = project(tmp_path, integrations__p_dot_yaml=GOOD)
    (folder / "integrations" / "p.yaml").write_bytes(b"name: \xff\xfe\n")

    assert [fault.code for fault in load_project(folder).faults] == ["yaml_character"]


def test_a_fault_that_a_node_found_is_placed_in_the_file(tmp_path: Path) -> None:
    folder = project(tmp_path, integrations__price_dot_yaml=GOOD, connections_dot_yaml=CONNECTIONS)
    (file,) = load_project(folder).integrations

    pointer = "/trigger/authentication/0/api_key/value"
    fault = file.fault(pointer, "reference_missing", "WEBSHOP_KEY is not set")

    assert (fault.line, fault.column) == (4, 41)


def test_all_files_whose_change_matters_are_watched(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        firesteel_dot_toml="",
        connections_dot_yaml="",
        integrations__a_dot_yaml="name: a\n",
        workflows__a_dot_py="",
        README_dot_md="",
    )

    watched = {str(path.relative_to(folder)) for path in watched_files(folder)}

    assert watched == {
        "firesteel.toml",
        "connections.yaml",
        "integrations/a.yaml",
        "workflows/a.py",
    }


def test_packages_behind_symbolic_links_are_watched_and_circles_end(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", workflows__a_dot_py="")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "b.py").touch()
    (shared / "again").symlink_to(shared)
    (folder / "workflows" / "package").symlink_to(shared)

    watched = [str(path.relative_to(folder)) for path in watched_files(folder)]

    assert watched == ["workflows/a.py", "workflows/package/b.py"]
