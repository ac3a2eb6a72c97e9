"""Every fault of an integration file is reported, with line, column, code and hint."""

import pytest

from firesteel.model.document import check_integration
from firesteel.model.fault import CODES, Fault

STEP = "name: A\nworkflow:\n  steps:\n    - "
TRIGGER = "name: A\ntrigger:\n  "


def faults(text: str) -> list[Fault]:
    result = check_integration(text, "a.yaml")
    assert (result.integration is None) == bool(result.faults)
    return result.faults


CASES = [
    # name, and the document as a whole
    ("[]\n", 1, 1, "wrong_type", ""),
    ("text\n", 1, 1, "wrong_type", ""),
    ("description: x\n", 1, 1, "required", ""),
    ("name: 5\n", 1, 7, "wrong_type", "quote it"),
    ("name: -a\n", 1, 7, "name_invalid", ""),
    ("name: a b\n", 1, 7, "name_invalid", ""),
    (f"name: {'a' * 65}\n", 1, 7, "name_invalid", ""),
    ("name: é\n", 1, 7, "name_invalid", ""),
    ("name: A\nenabled: yes\n", 2, 10, "wrong_type", ""),
    ('name: A\nenabled: "true"\n', 2, 10, "wrong_type", "write it without quotes"),
    ("name: A\ntriger: {}\n", 2, 1, "unknown_key", "did you mean trigger?"),
    ("name: A\nxyz: {}\n", 2, 1, "unknown_key", "known: name, description"),
    ("name: A\ntrigger: []\n", 2, 1, "wrong_type", ""),
    # trigger
    (TRIGGER + "methods: [get]\n", 3, 13, "not_allowed", "did you mean GET?"),
    (TRIGGER + "methods: [HEAD]\n", 3, 13, "not_allowed", ""),
    (TRIGGER + "methods: []\n", 3, 3, "out_of_range", ""),
    (TRIGGER + "methods: GET\n", 3, 12, "wrong_type", "write it as a list"),
    (TRIGGER + "methods: [GET, PUT, GET]\n", 3, 23, "not_unique", "remove one"),
    (TRIGGER + "authentication: [{api_key: {}}]\n", 3, 21, "required", ""),
    (
        TRIGGER + "authentication: [{basc: {label: a}}]\n",
        3,
        21,
        "unknown_key",
        "did you mean basic?",
    ),
    (TRIGGER + 'authentication: [{api_key: {label: " a"}}]\n', 3, 38, "name_invalid", ""),
    (
        TRIGGER + "authentication: [{api_key: {label: a, value: short}}]\n",
        3,
        48,
        "key_value_invalid",
        "leave it out to generate one",
    ),
    (
        TRIGGER + 'authentication: [{api_key: {label: a, value: "with a space"}}]\n',
        3,
        48,
        "key_value_invalid",
        "",
    ),
    (
        TRIGGER + 'authentication: [{api_key: {label: a, value: "${A-B}"}}]\n',
        3,
        48,
        "reference_invalid",
        "",
    ),
    (
        TRIGGER + "authentication: [{api_key: {label: a, expires: 2027-02-29}}]\n",
        3,
        50,
        "date_invalid",
        "such as 2027-06-30",
    ),
    (
        TRIGGER + "authentication: [{api_key: {label: a}}, {api_key: {label: a}}]\n",
        3,
        61,
        "not_unique",
        "",
    ),
    (
        TRIGGER
        + 'authentication:\n    - api_key: {label: a, value: "${K}"}\n'
        + '    - api_key: {label: b, value: "${K}"}\n',
        5,
        34,
        "not_unique",
        "one secret, one label",
    ),
    (TRIGGER + "ordered_delivery: yes\n", 3, 21, "wrong_type", ""),
    (TRIGGER + "ordered_delivery: {key: no}\n", 3, 27, "path_invalid", "did you mean body.no?"),
    (TRIGGER + 'ordered_delivery: {key: "{% a %}"}\n', 3, 27, "path_invalid", "without {% %}"),
    (
        TRIGGER + "ordered_delivery: {on_failure: stop}\n",
        3,
        34,
        "not_allowed",
        "",
    ),
    (TRIGGER + "request_response: {timeout: 10}\n", 3, 31, "duration_invalid", "such as 10s"),
    (TRIGGER + "request_response: {timeout: 999ms}\n", 3, 31, "out_of_range", ""),
    (TRIGGER + "request_response: {timeout: 16m}\n", 3, 31, "out_of_range", ""),
    (TRIGGER + "request_response: {timeout: 10 s}\n", 3, 31, "duration_invalid", "write 10s"),
    (TRIGGER + "request_response: 10s\n", 3, 21, "wrong_type", ""),
    (TRIGGER + "query_parameters: [{}]\n", 3, 22, "required", ""),
    (TRIGGER + "query_parameters: [{name: a, type: int}]\n", 3, 38, "not_allowed", "integer"),
    (TRIGGER + "query_parameters: [{name: a}, {name: a}]\n", 3, 40, "not_unique", ""),
    (
        TRIGGER + "query_parameters: [{name: a, required: true, default: x}]\n",
        3,
        57,
        "default_invalid",
        "remove default or required",
    ),
    (
        TRIGGER + 'query_parameters: [{name: a, type: integer, default: "1"}]\n',
        3,
        56,
        "default_invalid",
        "write it without quotes",
    ),
    (
        TRIGGER + "query_parameters: [{name: a, type: boolean, default: 1}]\n",
        3,
        56,
        "default_invalid",
        "",
    ),
    (
        TRIGGER + "query_parameters: [{name: a, type: date, default: 2027-6-30}]\n",
        3,
        53,
        "default_invalid",
        "such as 2027-06-30",
    ),
    (
        TRIGGER + "query_parameters: [{name: a, type: integer, enum: [1, x]}]\n",
        3,
        57,
        "default_invalid",
        "",
    ),
    (
        TRIGGER + "query_parameters: [{name: a, enum: [x, y], default: z}]\n",
        3,
        55,
        "default_invalid",
        "",
    ),
    (TRIGGER + "query_parameters: [{name: a, enum: []}]\n", 3, 32, "out_of_range", ""),
    (
        TRIGGER + "query_parameters: [{name: a, many: true, default: x}]\n",
        3,
        53,
        "default_invalid",
        "",
    ),
    (TRIGGER + "undeclared: drop\n", 3, 15, "not_allowed", ""),
    (TRIGGER + "body: yaml\n", 3, 9, "not_allowed", ""),
    (TRIGGER + "body: {schema: {type: strin}}\n", 3, 25, "schema_invalid", ""),
    (TRIGGER + "body: {schema: text}\n", 3, 18, "schema_invalid", ""),
    (TRIGGER + "body: {scheme: {}}\n", 3, 3, "required", ""),
    (
        TRIGGER + 'body: {schema: {$ref: "https://example.com/s.json"}}\n',
        3,
        25,
        "schema_invalid",
        "begin it with #",
    ),
    (TRIGGER + "max_body: 101MiB\n", 3, 13, "out_of_range", ""),
    (TRIGGER + "max_body: 1000\n", 3, 13, "size_invalid", "such as 1000B"),
    (TRIGGER + "max_body: 10MB\n", 3, 13, "size_invalid", "write it as 10MiB"),
    (TRIGGER + "concurrency: 0\n", 3, 16, "out_of_range", ""),
    (TRIGGER + "concurrency: 1.5\n", 3, 16, "wrong_type", ""),
    (TRIGGER + "concurrency: true\n", 3, 16, "wrong_type", ""),
    (TRIGGER + "rate_limit: 100\n", 3, 15, "rate_invalid", "such as 100/s"),
    (TRIGGER + "rate_limit: 5/d\n", 3, 15, "rate_invalid", ""),
    (TRIGGER + "rate_limit: {burst: 5}\n", 3, 3, "required", ""),
    (TRIGGER + "rate_limit: {rate: 5/s, per: key}\n", 3, 32, "not_allowed", ""),
    (TRIGGER + "max_waiting: 0\n", 3, 16, "out_of_range", ""),
    (TRIGGER + "idempotency: true\n", 3, 16, "wrong_type", "left out, it is on"),
    (TRIGGER + "idempotency: {window: 31d}\n", 3, 25, "out_of_range", ""),
    (TRIGGER + "idempotency: {key: id}\n", 3, 22, "path_invalid", "did you mean body.id?"),
    # data processing
    (
        'name: A\ndata_processing: "{% query.a %}"\n',
        2,
        18,
        "expression_not_allowed",
        "remove {% and %}",
    ),
    ("name: A\ndata_processing: {a: b}\n", 2, 1, "wrong_type", ""),
    # workflow
    ("name: A\nworkflow: {}\n", 2, 1, "one_of", ""),
    (
        "name: A\nworkflow: {python: a:b, steps: [{name: a, map: 1}]}\n",
        2,
        25,
        "one_of",
        "",
    ),
    ("name: A\nworkflow: {python: pricing}\n", 2, 20, "function_invalid", "pricing:item_price"),
    ("name: A\nworkflow: {steps: []}\n", 2, 12, "out_of_range", ""),
    ("name: A\nworkflow: {timeout: 60, python: a:b}\n", 2, 21, "duration_invalid", "60s"),
    ("name: A\nworkflow: {retry: {attempts: 0}, python: a:b}\n", 2, 30, "out_of_range", ""),
    ("name: A\nworkflow: {retry: {factor: 0.5}, python: a:b}\n", 2, 28, "out_of_range", ""),
    # steps
    (STEP + "{map: 1}\n", 4, 7, "required", ""),
    (STEP + "{name: a-b, map: 1}\n", 4, 14, "name_invalid", ""),
    (STEP + "{name: a}\n", 4, 7, "one_of", ""),
    (STEP + "{name: a, htp: {}}\n", 4, 17, "unknown_key", "did you mean http?"),
    (STEP + "{name: a, map: 1, fail: {message: x}}\n", 4, 25, "one_of", ""),
    (STEP + "{name: a, map: 1, when: input.a}\n", 4, 31, "expression_missing", "{% input.a %}"),
    (STEP + "{name: a, map: 1, when: true}\n", 4, 31, "wrong_type", ""),
    (STEP + '{name: a, map: 1, when: "a {% b %}"}\n', 4, 31, "expression_missing", ""),
    (STEP + '{name: a, map: "{% a"}\n', 4, 22, "expression_unclosed", ""),
    (STEP + '{name: a, map: {x: ["{% %}"]}}\n', 4, 27, "expression_empty", ""),
    (STEP + "{name: a, map: 1}\n    - {name: a, map: 2}\n", 5, 14, "not_unique", "unique"),
    (STEP + "{name: a, map: 1, arguments: {}}\n", 4, 25, "one_of", ""),
    (STEP + "{name: a, python: f}\n", 4, 25, "function_invalid", "such as pricing:item_price"),
    (STEP + "{name: a, sql: {connection: erp}}\n", 4, 17, "one_of", ""),
    (STEP + "{name: a, sql: {statement: x}}\n", 4, 17, "required", ""),
    (
        STEP + "{name: a, sql: {connection: e, statement: s, transaction: [{statement: s}]}}\n",
        4,
        52,
        "one_of",
        "",
    ),
    (
        STEP + '{name: a, sql: {connection: e, statement: "s {% x %}"}}\n',
        4,
        49,
        "expression_not_allowed",
        "in parameters",
    ),
    (
        STEP + '{name: a, sql: {connection: e, statement: "s = :item", parameters: {itm: 1}}}\n',
        4,
        49,
        "required",
        "did you mean itm?",
    ),
    (
        STEP + "{name: a, sql: {connection: e, statement: s, result: first}}\n",
        4,
        60,
        "not_allowed",
        "",
    ),
    (STEP + '{name: a, sql: {connection: "e f", statement: s}}\n', 4, 35, "name_invalid", ""),
    (
        STEP + "{name: a, sql: {connection: e, transaction: [{statement: s}], parameters: {}}}\n",
        4,
        69,
        "one_of",
        "",
    ),
    (STEP + "{name: a, http: {}}\n", 4, 17, "one_of", ""),
    (STEP + "{name: a, http: {connection: c, url: http://x}}\n", 4, 39, "one_of", ""),
    (STEP + "{name: a, http: {url: ftp://x}}\n", 4, 29, "url_invalid", ""),
    (STEP + "{name: a, http: {connection: c, json: 1, text: x}}\n", 4, 48, "one_of", ""),
    (STEP + "{name: a, http: {connection: c, method: get}}\n", 4, 47, "not_allowed", "GET"),
    (
        STEP + "{name: a, http: {connection: c, expect: [2xx]}}\n",
        4,
        48,
        "status_invalid",
        "200-299",
    ),
    (STEP + "{name: a, http: {connection: c, expect: [300-200]}}\n", 4, 48, "status_invalid", ""),
    (STEP + "{name: a, choose: []}\n", 4, 17, "out_of_range", ""),
    (STEP + "{name: a, choose: [{steps: [{name: b, map: 1}]}]}\n", 4, 26, "required", "otherwise"),
    (
        STEP
        + "{name: a, choose: [{otherwise: [{name: b, map: 1}]}, "
        + '{when: "{% 1 %}", steps: [{name: c, map: 1}]}]}\n',
        4,
        27,
        "order_invalid",
        "",
    ),
    (
        STEP + '{name: a, choose: [{when: "{% 1 %}", otherwise: [{name: b, map: 1}]}]}\n',
        4,
        44,
        "one_of",
        "",
    ),
    (
        STEP + "{name: a, choose: [{otherwise: [{name: b, mapp: 1}]}]}\n",
        4,
        49,
        "unknown_key",
        "did you mean map?",
    ),
    (
        STEP + "{name: a, for_each: {items: input.a, steps: [{name: b, map: 1}]}}\n",
        4,
        35,
        "expression_missing",
        "{% input.a %}",
    ),
    (
        STEP + "{name: a, for_each: {items: [1], steps: [{name: b, map: 1}], concurrency: 0}}\n",
        4,
        81,
        "out_of_range",
        "",
    ),
    (
        STEP + "{name: a, for_each: {items: [1], steps: [{name: a, map: 1}]}}\n",
        4,
        55,
        "not_unique",
        "within steps too",
    ),
    (STEP + "{name: a, call: {integration: A}}\n", 4, 37, "call_cycle", ""),
    (STEP + "{name: a, call: {}}\n", 4, 17, "required", ""),
    (STEP + "{name: a, fail: {message: 5}}\n", 4, 33, "wrong_type", "quote it"),
    # response, search, redact, retention
    ("name: A\nresponse: {status: 199}\n", 2, 20, "status_invalid", ""),
    ("name: A\nresponse: {status: ok}\n", 2, 20, "expression_missing", '"{% ok %}"'),
    ("name: A\nresponse: {status: true}\n", 2, 20, "wrong_type", ""),
    ("name: A\nresponse: {body: 1, text: x}\n", 2, 21, "one_of", ""),
    ("name: A\nresponse: {status: 204, body: {a: 1}}\n", 2, 25, "body_not_allowed", "remove body"),
    (
        'name: A\nresponse: {status: "{% 204 %}", text: x, headers: {a b: x}}\n',
        2,
        52,
        "header_invalid",
        "",
    ),
    ("name: A\nresponse: {status: 304, text: x}\n", 2, 25, "body_not_allowed", "remove text"),
    ("name: A\nresponse: {headers: {bad name: x}}\n", 2, 22, "header_invalid", ""),
    ('name: A\nresponse: {headers: {Content-Length: "5"}}\n', 2, 22, "header_invalid", ""),
    ("name: A\nresponse: {headers: {firesteel-a: x}}\n", 2, 22, "header_invalid", ""),
    ("name: A\nresponse: {headers: {set-cookie: x}}\n", 2, 22, "header_invalid", ""),
    ('name: A\nresponse: {headers: {x-a: "b\\nc"}}\n', 2, 27, "header_invalid", ""),
    ('name: A\nresponse: {headers: {x-a: [b, "\u2013"]}}\n', 2, 31, "header_invalid", ""),
    ("name: A\nsearch: {a b: body.a}\n", 2, 10, "name_invalid", ""),
    ("name: A\nsearch: {a: a}\n", 2, 13, "path_invalid", "did you mean body.a?"),
    (
        "name: A\nsearch: {" + ", ".join(f"n{i}: body.n{i}" for i in range(9)) + "}\n",
        2,
        1,
        "out_of_range",
        "",
    ),
    ("name: A\nredact: [a b]\n", 2, 10, "path_invalid", ""),
    ("name: A\nredact: [consumer]\n", 2, 10, "path_invalid", ""),
    ("name: A\nredact: [a.b]\n", 2, 10, "path_invalid", "body.a.b?"),
    ("name: A\nredact: [body.a]\nsearch: {a: body.a.b}\n", 3, 13, "path_redacted", "redact"),
    ("name: A\nredact: [body.*.b]\nsearch: {a: body.0.b}\n", 3, 13, "path_redacted", ""),
    ("name: A\nredact: [body.o.0.b]\nsearch: {a: body.o.b}\n", 3, 13, "path_redacted", ""),
    ("name: A\nredact: [body.o.*.b]\nsearch: {a: body.o.b.0}\n", 3, 13, "path_redacted", ""),
    ("name: A\nredact: [body.b.c]\nsearch: {a: body.b}\n", 3, 13, "path_redacted", ""),
    ("name: A\nredact: [X-A]\nsearch: {a: headers.x-a}\n", 3, 13, "path_redacted", ""),
    (
        "name: A\nredact: [body]\ntrigger: {ordered_delivery: {key: body.a}}\n",
        3,
        35,
        "path_redacted",
        "",
    ),
    (
        "name: A\nredact: [query.a]\ntrigger: {idempotency: {key: query.a}}\n",
        3,
        30,
        "path_redacted",
        "",
    ),
    ("name: A\nredact: [idempotency-key]\n", 2, 1, "path_redacted", ""),
    ("name: A\nretention: {history: 30}\n", 2, 22, "duration_invalid", ""),
    (
        "name: A\nretention: {history: 24h, payloads: 25h}\n",
        2,
        37,
        "out_of_range",
        "leave payloads out",
    ),
    (
        "name: A\nretention: {history: later, payloads: 25h}\n",
        2,
        22,
        "duration_invalid",
        "",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "hint"), CASES, ids=[repr(case[0])[-50:] for case in CASES]
)
def test_a_fault_names_its_place_and_what_to_do(
    text: str, line: int, column: int, code: str, hint: str
) -> None:
    found = faults(text)
    assert (line, column, code) in [(f.line, f.column, f.code) for f in found], found
    (fault,) = [f for f in found if f.code == code and (f.line, f.column) == (line, column)]
    assert hint in fault.hint
    assert fault.file == "a.yaml"
    assert fault.detail
    assert {f.code for f in found} <= set(CODES)


def test_all_faults_of_a_file_are_reported_at_once_and_in_its_order() -> None:
    text = """\
name: Item Price
trigger:
  methods: [get]
  request_response: {timeout: 1h}
  unknown: 1
data_processing: "{% a %}"
workflow:
  steps:
    - name: a
      sql: {statement: "s :x"}
    - name: a
      choose: [{steps: []}]
response: {status: 700, body: 1, text: x}
search: {a: b}
search: {}
"""
    assert [(f.line, f.code) for f in faults(text)] == [
        (1, "name_invalid"),
        (3, "not_allowed"),
        (4, "out_of_range"),
        (5, "unknown_key"),
        (6, "expression_not_allowed"),
        (10, "required"),
        (10, "required"),
        (11, "not_unique"),
        (12, "required"),
        (12, "out_of_range"),
        (13, "status_invalid"),
        (13, "one_of"),
        (14, "path_invalid"),
        (15, "yaml_duplicate_key"),
    ]


def test_a_fault_of_yaml_makes_no_further_faults_of_what_could_not_be_read() -> None:
    assert [f.code for f in faults("name: *x\n")] == ["yaml_alias"]
    assert [f.code for f in faults("name: A\ntrigger: !t {methods: [get]}\n")] == ["yaml_tag"]
    assert [f.code for f in faults("name: A\ntrigger: {concurrency: .inf}\n")] == ["yaml_number"]


def test_no_fault_shows_the_value_of_an_api_key() -> None:
    text = (
        "name: A\ntrigger:\n  authentication:\n"
        "    - api_key: {label: a, value: s3cr t}\n    - api_key: {label: b, value: [s3cret]}\n"
    )
    assert len(faults(text)) == 2
    assert "s3cr" not in str(faults(text))
