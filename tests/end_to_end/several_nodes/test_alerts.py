"""Several nodes tell of a failure once; where the one that watches is killed, another one does."""

from __future__ import annotations

from tests.end_to_end.several_nodes.conftest import Place
from tests.support.http_server import Reply
from tests.support.node import wait_until


def told(place: Place) -> int:
    alerts = [item.json for item in place.sink.received if item.path == "/hook"]
    assert len({alert["id"] for alert in alerts}) == len(alerts)
    return sum(item["count"] for alert in alerts for item in alert["data"]["items"])


def sent(place: Place) -> bool:
    """Whether all that was told is recorded as sent, so that nobody sends it again."""
    items = place.gateway.running.admin("GET", "/workspaces/test/alerts/sent")
    return all(item["state"] == "sent" for item in items)


def test_a_failure_is_told_once_by_three_nodes_and_by_the_others_when_one_is_killed(
    place: Place,
) -> None:
    place.sink.reply("/hook", Reply(204))
    document = {
        "channels": {"hook": {"webhook": f"{place.sink.url}/hook"}},
        "rules": {"failures": {"event": "execution_failed", "group": "1s"}},
    }
    gateway = place.gateway.running
    gateway.admin("PUT", "/workspaces/test/alerts", json=document)

    def fail(count: int) -> None:
        for answer in [gateway.call("Fails", json={}) for _ in range(count)]:
            assert gateway.until_settled(answer)["state"] == "failed"

    fail(4)
    wait_until(lambda: told(place) >= 4)
    fail(1)
    wait_until(lambda: told(place) >= 5 and sent(place))
    place.both.kill()
    fail(3)
    wait_until(lambda: told(place) >= 8)
    fail(1)
    wait_until(lambda: told(place) >= 9)
    assert told(place) == 9
