"""What an accepted call is answered: 202, the response, or a problem with the message's id."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.engine.calls import Acceptance, Caller
from firesteel.errors import CallerError
from firesteel.gateway.app import Gateway
from firesteel.gateway.server import Listener
from firesteel.model.execution import Response
from firesteel.model.problem import Problem
from tests.support.memory_engine import OK, MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import KEY, Served, bound_socket

LOCKED = {"authentication": [{"api_key": {"label": "web shop"}}]}


def waits(engine: MemoryEngine, **waiting: Any) -> None:
    """A Request-Response trigger whose executions run until the test ends them."""
    engine.answer = lambda _call: None
    engine.publish({"name": "Ask", "trigger": {"request_response": waiting or True}})


async def test_without_request_response_the_answer_is_202_with_id_sequence_and_status_url(
    served: Served,
) -> None:
    served.engine.publish({"name": "Order"})
    first = await served.call("POST", "/t37ed/Order", b"{}")
    second = await served.call("POST", "/t37ed/Order", b"{}")
    acceptance = served.engine.stored[0].acceptance
    url = f"/t37ed/Order/messages/{acceptance.message_id}"
    assert first.status == 202
    assert first.json == {"id": acceptance.message_id, "sequence": 1, "status_url": url}
    assert first["location"] == url
    assert first["firesteel-message-id"] == acceptance.message_id
    assert (first["firesteel-sequence"], second["firesteel-sequence"]) == ("1", "2")
    assert first["content-type"] == "application/json"


async def test_urls_are_absolute_where_a_public_url_is_set(engine: MemoryEngine) -> None:
    engine.publish({"name": "Order"})
    bound = bound_socket()
    listener = Listener(Gateway(engine, public_url="https://hooks.example.com/in/"), [bound])
    await listener.start()
    async with await RawConnection.open(bound.getsockname()[1]) as connection:
        answer = await connection.call(request("POST", "/t37ed/Order", b""))
    await listener.stop(5.0)
    assert answer["location"].startswith("https://hooks.example.com/in/t37ed/Order/messages/")
    assert answer.json["status_url"] == answer["location"]


async def test_every_answer_has_a_request_id_no_store_and_no_server(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    for method, path in [("GET", "/t37ed/Open"), ("GET", "/none"), ("PUT", "/t37ed/Open")]:
        answer = await served.call(method, path)
        assert answer["request-id"]
        assert answer["cache-control"] == "no-store"
        assert answer["date"]
        assert answer.get("server") is None


@pytest.mark.parametrize(
    ("sent", "taken_over"),
    [
        ("abc-123", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ('"<script>', False),
    ],
)
async def test_a_sane_request_id_is_taken_over(served: Served, sent: str, taken_over: bool) -> None:
    answer = await served.call("GET", "/none", request_id=sent)
    assert (answer["request-id"] == sent) is taken_over
    assert answer.json["instance"].endswith(answer["request-id"])


async def test_request_response_gives_the_workflows_status_headers_and_body(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: Response(
        201, [("content-type", "text/plain"), ("x-customer", "Åsa")], b"made\x00\xff"
    )
    answer = await served.call("POST", "/t37ed/Ask", b"")
    assert (answer.status, answer.body) == (201, b"made\x00\xff")
    assert answer["content-type"] == "text/plain"
    assert answer["x-customer"].encode("latin-1").decode() == "Åsa"
    assert answer["firesteel-sequence"] == "1"
    assert answer["cache-control"] == "no-store"


async def test_a_response_may_set_its_own_cache_control_but_nothing_of_the_connection(
    served: Served,
) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    headers = [
        ("Cache-Control", "max-age=60"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("content-length", "99"),
        ("firesteel-sequence", "7"),
        ("set-cookie", "a=b"),
        ("server", "x"),
        ("x-injected", "a\r\nx-evil: 1"),
        ("bad name", "1"),
    ]
    served.engine.answer = lambda _call: Response(200, headers, b"ok")
    async with await served.connect() as connection:
        for _ in range(2):
            answer = await connection.call(request("GET", "/t37ed/Ask"))
            names = {name for name, _ in answer.headers}
            assert answer["cache-control"] == "max-age=60"
            assert answer["content-length"] == "2"
            assert answer["firesteel-sequence"] != "7"
            assert not names & {"connection", "set-cookie", "server", "x-evil", "x-injected"}


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_keeps_the_connection(served: Served, status: int) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: Response(status, [], b"ignored")
    async with await served.connect() as connection:
        for _ in range(2):
            answer = await connection.call(request("GET", "/t37ed/Ask"))
            assert (answer.status, answer.body) == (status, b"")
            assert answer.get("transfer-encoding") is None


async def test_the_caller_waits_until_the_execution_has_ended(served: Served) -> None:
    waits(served.engine)
    async with await served.connect() as connection:
        await connection.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        served.engine.finish()
        assert (await connection.answer()).body == OK.body


async def test_a_failed_execution_is_a_problem_and_never_a_success(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    problem = Problem("execution_failed", "the ERP said no", id="x")
    failed = Response(problem.status, problem.all_headers(), problem.body("urn:x"))
    served.engine.answer = lambda _call: failed
    answer = await served.call("POST", "/t37ed/Ask", b"")
    assert (answer.status, answer.code) == (502, "execution_failed")
    assert answer["firesteel-message-id"]


async def test_when_the_time_is_over_the_answer_is_504_with_id_and_status_url(
    served: Served,
) -> None:
    waits(served.engine, timeout="1s")
    answer = await served.call("POST", "/t37ed/Ask", b"")
    message_id = served.engine.stored[0].acceptance.message_id
    assert (answer.status, answer.code) == (504, "response_timeout")
    assert answer.json["id"] == answer["firesteel-message-id"] == message_id
    assert answer.json["status_url"] == f"/t37ed/Ask/messages/{message_id}"
    served.engine.finish()
    late = await served.call("GET", answer.json["status_url"] + "/response")
    assert (late.status, late.body) == (200, OK.body)


async def test_on_timeout_accepted_gives_202_instead(served: Served) -> None:
    waits(served.engine, timeout="1s", on_timeout="accepted")
    answer = await served.call("POST", "/t37ed/Ask", b"")
    assert answer.status == 202
    assert answer.get("preference-applied") is None


async def test_a_node_that_stops_answers_waiting_calls_503_with_id_and_status_url(
    served: Served,
) -> None:
    waits(served.engine)
    async with await served.connect() as connection:
        await connection.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        served.engine.stop_waiting()
        answer = await connection.answer()
    assert (answer.status, answer.code) == (503, "node_stopping")
    assert answer.json["id"] == served.engine.stored[0].acceptance.message_id
    assert answer.json["status_url"].endswith(answer.json["id"])


async def test_prefer_respond_async_gives_202_at_once(served: Served) -> None:
    waits(served.engine)
    answer = await served.call("POST", "/t37ed/Ask", b"", prefer="respond-async")
    assert (answer.status, answer["preference-applied"]) == (202, "respond-async")


async def test_prefer_wait_shortens_the_wait(served: Served) -> None:
    waits(served.engine)
    answer = await served.call("POST", "/t37ed/Ask", b"", prefer="respond-async, wait=1")
    assert (answer.status, answer["preference-applied"]) == (202, "wait=1")


async def test_prefer_wait_does_not_lengthen_the_wait(served: Served) -> None:
    waits(served.engine, timeout="1s")
    answer = await served.call("POST", "/t37ed/Ask", b"", prefer="wait=500")
    assert answer.code == "response_timeout"


async def test_a_response_within_the_preferred_wait_is_given(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    answer = await served.call("POST", "/t37ed/Ask", b"", prefer="wait=5")
    assert (answer.status, answer.body) == (200, OK.body)


async def test_a_caller_that_goes_frees_its_place_and_the_execution_goes_on(
    served: Served,
) -> None:
    waits(served.engine)
    connection = await served.connect()
    await connection.send(request("POST", "/t37ed/Ask", b"1"))
    await served.engine.accepted.wait()
    await served.engine.until_waiting(1)
    connection.close()
    await served.engine.until_waiting(0)
    assert served.engine.stored[0].response is None
    served.engine.finish()


async def test_a_duplicate_gets_the_first_answer_and_starts_nothing(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    first = await served.call("POST", "/t37ed/Ask", b"1", idempotency_key="k")
    second = await served.call("POST", "/t37ed/Ask", b"1", idempotency_key="k")
    assert first.get("firesteel-duplicate") is None
    assert second["firesteel-duplicate"] == "true"
    assert (second.status, second.body) == (first.status, first.body)
    assert second["firesteel-message-id"] == first["firesteel-message-id"]
    assert len(served.engine.calls) == 1


async def test_a_duplicate_without_request_response_gets_the_same_202(served: Served) -> None:
    served.engine.publish({"name": "Order"})
    first = await served.call("POST", "/t37ed/Order", b"1", idempotency_key="k")
    second = await served.call("POST", "/t37ed/Order", b"1", idempotency_key="k")
    assert (second.status, second.body) == (202, first.body)
    assert second["firesteel-duplicate"] == "true"


async def test_p22_a_duplicate_whose_answer_is_kept_no_more_is_410_with_the_messages_id(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    first = await served.call("POST", "/t37ed/Ask", b"{}", idempotency_key="k")

    def gone(_acceptance: Acceptance, _timeout_s: float, caller: Caller) -> None:
        caller.refused(CallerError(code="response_gone"))

    monkeypatch.setattr(served.engine, "wait", gone)
    again = await served.call("POST", "/t37ed/Ask", b"{}", idempotency_key="k")
    assert (again.status, again.code) == (410, "response_gone")
    assert again["firesteel-message-id"] == first["firesteel-message-id"]
    assert (again["firesteel-sequence"], again["firesteel-duplicate"]) == ("1", "true")
    assert served.engine.refused_calls == []


async def test_one_idempotency_key_for_two_bodies_is_422(served: Served) -> None:
    served.engine.publish({"name": "Order"})
    await served.call("POST", "/t37ed/Order", b"1", idempotency_key="k")
    answer = await served.call("POST", "/t37ed/Order", b"2", idempotency_key="k")
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")


async def test_a_defect_is_a_500_problem_that_tells_nothing(served: Served) -> None:
    served.engine.publish({"name": "Order"})

    def broken(_call: object) -> Response:
        raise ZeroDivisionError("secret-text")

    served.engine.answer = broken
    answer = await served.call("POST", "/t37ed/Order", b"1")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"secret-text" not in answer.body


async def test_the_state_of_a_message_is_shown_to_the_consumer_that_sent_it(
    served: Served,
) -> None:
    served.engine.publish({"name": "Order", "trigger": LOCKED}, keys=[("web shop", KEY)])
    sent = await served.call("POST", "/t37ed/Order", b"1", x_api_key=KEY)
    state = await served.call("GET", sent["location"], x_api_key=KEY)
    assert state.status == 200
    assert state.json == {
        "id": sent.json["id"],
        "sequence": 1,
        "state": "succeeded",
        "received_at": "2023-11-14T22:13:20.123456Z",
        "settled_at": "2023-11-14T22:13:21.000000Z",
        "attempts": 1,
        "response": {"status": 200, "headers": {"content-type": "application/json"}},
    }
    response = await served.call("GET", sent["location"] + "/response", x_api_key=KEY)
    assert (response.status, response.body) == (200, OK.body)
    assert response["firesteel-message-id"] == sent.json["id"]


async def test_a_message_of_somebody_else_is_404(served: Served) -> None:
    engine = served.engine
    keys = [("web shop", KEY), ("partner", "partner-key-0123456789")]
    engine.publish({"name": "Order", "trigger": LOCKED}, keys=keys)
    engine.publish({"name": "Other", "trigger": LOCKED}, keys=keys)
    sent = await served.call("POST", "/t37ed/Order", b"1", x_api_key=KEY)
    url = sent["location"]
    assert (await served.call("GET", url)).code == "unauthorized"
    other = await served.call("GET", url, x_api_key="partner-key-0123456789")
    unknown = await served.call("GET", "/t37ed/Order/messages/none", x_api_key=KEY)
    elsewhere = await served.call("GET", url.replace("Order", "Other"), x_api_key=KEY)
    assert {other.code, unknown.code, elsewhere.code} == {"not_found"}


async def test_the_status_route_answers_for_a_trigger_switched_off_since(served: Served) -> None:
    route = served.engine.publish({"name": "Order"})
    sent = await served.call("POST", "/t37ed/Order", b"1")
    served.engine.switch(route, enabled=False)
    assert (await served.call("GET", sent["location"])).status == 200


async def test_a_response_that_is_not_there_yet_is_202_with_retry_after(served: Served) -> None:
    served.engine.publish({"name": "Order"})
    served.engine.answer = lambda _call: None
    sent = await served.call("POST", "/t37ed/Order", b"1")
    answer = await served.call("GET", sent["location"] + "/response")
    assert (answer.status, answer.json) == (202, sent.json)
    assert answer["retry-after"] == "1"
    state = (await served.call("GET", sent["location"])).json
    assert (state["state"], state["settled_at"], state["response"]) == ("running", None, None)


async def test_the_status_route_takes_get_alone(served: Served) -> None:
    served.engine.publish({"name": "Order"})
    sent = await served.call("POST", "/t37ed/Order", b"1")
    answer = await served.call("DELETE", sent["location"])
    assert (answer.status, answer["allow"]) == (405, "GET")
