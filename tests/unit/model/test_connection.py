"""connections.yaml: faults with their place, secrets put in by name."""

import pytest
from sqlalchemy import dialects
from sqlalchemy.engine import make_url

from firesteel.model.connection import (
    HttpConnection,
    InvalidConnection,
    SqlConnection,
    check_connection,
    check_connections,
    connection_json,
    parse_connection,
    resolved,
)
from firesteel.model.dialects import OWN_DIALECTS
from firesteel.model.references import ReferenceInvalid, ReferenceMissing, references, resolve

SOUND = """\
erp: {sql: "postgresql+psycopg://erp:${ERP_PASSWORD}@db.example.com/erp", max_connections: 5}
stock: {sql: "sqlite:///stock.db", read_only: true}
crm:
  http: https://crm.example.com/api
  headers: {Authorization: "Bearer ${CRM_TOKEN}"}
  timeout: 5s
  tls_ca: /etc/ca.pem
"""


def test_databases_and_http_systems_are_read_with_their_defaults() -> None:
    result = check_connections(SOUND, "connections.yaml")
    assert (result.faults, result.warnings) == ([], [])
    erp, stock, crm = result.connections.values()
    assert isinstance(erp, SqlConnection)
    assert (erp.max_connections, erp.read_only) == (5, False)
    assert isinstance(stock, SqlConnection)
    assert (stock.max_connections, stock.read_only) == (10, True)
    assert isinstance(crm, HttpConnection)
    assert (crm.timeout_s, crm.max_connections, crm.client_cert) == (5, 20, None)


def test_an_empty_file_holds_no_connections() -> None:
    for text in ("", "# none yet\n", "{}\n"):
        result = check_connections(text, "connections.yaml")
        assert (result.connections, result.faults) == ({}, [])


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "hint"),
    [
        ("[]\n", 1, 1, "wrong_type", ""),
        ("a: {sql: x://\n", 2, 1, "yaml_syntax", ""),
        ("a: {sql: notaurl}\n", 1, 10, "url_invalid", "postgresql+psycopg://"),
        (f"a: {{sql: 'sqlite://{'?' * 4088}'}}\n", 1, 10, "url_invalid", ""),
        ("a: {sql: 'nodb://x'}\n", 1, 10, "dialect_unknown", "known: sqlite, postgresql"),
        ("a: {sql: 'postgres://x'}\n", 1, 10, "dialect_unknown", "did you mean postgresql?"),
        ("a: {sql: 'mysq+pymysql://x'}\n", 1, 10, "dialect_unknown", "did you mean mysql?"),
        ("a: text\n", 1, 4, "wrong_type", "{sql: URL}"),
        ("a: {}\n", 1, 1, "one_of", ""),
        ("a: {htpt: x}\n", 1, 1, "one_of", "did you mean http?"),
        ("a: {sql: 'sqlite://', http: 'http://x'}\n", 1, 1, "one_of", ""),
        ("a: {sql: 'sqlite://', readonly: true}\n", 1, 23, "unknown_key", "read_only"),
        ("a: {sql: 'sqlite://', max_connections: 0}\n", 1, 40, "out_of_range", ""),
        ("a: {http: 'ftp://x'}\n", 1, 11, "url_invalid", ""),
        ("a: {http: 'https://'}\n", 1, 11, "url_invalid", ""),
        ("a: {http: 'http://x:99999'}\n", 1, 11, "url_invalid", ""),
        ("a: {http: 'http://u:p@x'}\n", 1, 11, "url_invalid", "headers"),
        ("a: {http: 'http://x?y=1'}\n", 1, 11, "url_invalid", ""),
        ("a: {http: 'http://x', timeout: 5}\n", 1, 32, "duration_invalid", "such as 5s"),
        ("a: {http: 'http://x', headers: {Host: y}}\n", 1, 23, "name_invalid", ""),
        ("a: {http: 'http://x', headers: {a: \"b\\nc\"}}\n", 1, 23, "wrong_type", ""),
        ("a: {http: 'http://${X'}\n", 1, 11, "reference_invalid", ""),
        ("a: {sql: 'mysql://${NONE}'}\n", 1, 10, "reference_missing", "set NONE"),
        ("'a b': {sql: 'sqlite://'}\n", 1, 1, "name_invalid", ""),
        ("a: {sql: 'sqlite://'}\na: {sql: 'sqlite://'}\n", 2, 1, "yaml_duplicate_key", ""),
    ],
)
def test_a_fault_names_its_place_and_what_to_do(
    text: str, line: int, column: int, code: str, hint: str
) -> None:
    (fault,) = check_connections(text, "c.yaml", lookup=lambda _: None).faults
    assert (fault.file, fault.line, fault.column, fault.code) == ("c.yaml", line, column, code)
    assert hint in fault.hint


def test_sound_connections_stand_beside_faulty_ones() -> None:
    result = check_connections("a: {sql: 'sqlite://'}\nb: {}\n'c d': {sql: 'sqlite://'}\n", "c")
    assert list(result.connections) == ["a"]
    assert [fault.line for fault in result.faults] == [2, 3]


def test_a_secret_in_the_file_itself_is_a_warning() -> None:
    text = "a: {sql: 'mysql://u:pass@h/d'}\nb: {http: 'http://x', headers: {X-Api-Key: abc}}\n"
    result = check_connections(text, "c.yaml")
    assert result.faults == []
    assert [(w.line, w.column, w.code) for w in result.warnings] == [
        (1, 10, "secret_in_clear"),
        (2, 44, "secret_in_clear"),
    ]
    assert "pass" not in result.warnings[0].detail.replace("password", "")


def test_a_connection_of_the_rest_api_is_checked_by_pointer() -> None:
    result = check_connection("a b", {"sql": "x", "pool": 1})
    assert [(f.pointer, f.code) for f in result.faults] == [
        ("", "name_invalid"),
        ("/sql", "url_invalid"),
        ("/pool", "unknown_key"),
    ]
    document = {"http": "https://x", "timeout": "5s"}
    assert list(check_connection("a", document).connections) == ["a"]
    assert connection_json(parse_connection(document)) == document
    with pytest.raises(InvalidConnection) as caught:
        parse_connection({"sql": 5})
    assert caught.value.faults[0].pointer == "/sql"


def test_a_password_may_hold_any_character_and_a_whole_url_is_put_in_as_it_is() -> None:
    secrets = {"P": "p@ss:w/rd?#%", "URL": "mysql+pymysql://a:b@c/d", "X": "x"}.get
    document = {"sql": "postgresql+psycopg://erp:${P}@db/erp?application_name=${X}"}
    assert resolved(document, secrets) == {
        "sql": "postgresql+psycopg://erp:p%40ss%3Aw%2Frd%3F%23%25@db/erp?application_name=x"
    }
    assert resolved({"sql": "${URL}"}, secrets) == {"sql": "mysql+pymysql://a:b@c/d"}
    crm = {"http": "https://crm", "headers": {"authorization": "Bearer ${P}"}, "max_connections": 2}
    assert resolved(crm, secrets)["headers"] == {"authorization": "Bearer p@ss:w/rd?#%"}
    assert resolved(crm, secrets)["max_connections"] == 2


def test_all_missing_names_are_reported_at_once() -> None:
    with pytest.raises(ReferenceMissing) as caught:
        resolved({"sql": "x://${A}:${B}@${C}"}, {"C": "c"}.get)
    assert caught.value.names == ["A", "B"]
    assert caught.value.code == "reference_missing"


@pytest.mark.parametrize(
    ("text", "names", "value"),
    [
        ("plain $ {x}", [], "plain $ {x}"),
        ("${A}", ["A"], "1"),
        ("${A}${A}-${B_2}", ["A", "B_2"], "11-${A}"),
        ("$${A}", [], "${A}"),
        ("$$${A}", [], "$${A}"),
        ("${EMPTY}", ["EMPTY"], ""),
    ],
)
def test_references_are_put_in_once_and_may_be_escaped(
    text: str, names: list[str], value: str
) -> None:
    assert references(text) == names
    assert resolve(text, {"A": "1", "B_2": "${A}", "EMPTY": ""}.get) == value


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${A B}", "${1A}", "${A-B}", "x ${é}"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        references(text)


def test_every_dialect_that_sqlalchemy_has_is_known() -> None:
    for name in OWN_DIALECTS:
        make_url(f"{name}://").get_dialect()
    assert set(dialects.__all__) <= set(OWN_DIALECTS)
    text = "".join(f"{name}: {{sql: '{name}+driver://h/d'}}\n" for name in OWN_DIALECTS)
    assert check_connections(text, "c.yaml").faults == []
    assert check_connections("a: {sql: '${DATABASE_URL}'}\n", "c.yaml").faults == []


def test_a_stored_connection_stays_readable_when_the_package_of_its_dialect_has_gone() -> None:
    document = {"sql": "nodb://x"}
    assert connection_json(parse_connection(document)) == document
    assert check_connection("a", document).faults[0].code == "dialect_unknown"
