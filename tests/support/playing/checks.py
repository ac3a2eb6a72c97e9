"""What schemathesis loads into itself: our own check, that nothing is undocumented (P42)."""

from __future__ import annotations

from typing import Any

import schemathesis

PREFIX = "urn:firesteel:"
UNSUPPORTED = 405


@schemathesis.check
def documented_problem(ctx: Any, response: Any, case: Any) -> None:
    """An error is a problem whose code the route tells of; none is a defect of ours. A method that
    an address does not have is no route's own error."""
    status = response.status_code
    if status < 400:
        return
    type_ = str((response.headers.get("content-type") or [""])[0])
    assert type_ == "application/problem+json", f"{status} is {type_}"
    code = response.json()["type"].removeprefix(PREFIX)
    assert code != "internal_error", response.text
    if status == UNSUPPORTED or _before_the_route(status, code):
        return
    answer = case.operation.definition.raw["responses"].get(str(status), {})
    told = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    assert code in told, f"{status} {code} is not documented: {sorted(told)}"


def _before_the_route(status: int, code: str) -> bool:
    """What HTTP itself, or an address that is no route, is answered with."""
    return code in ("bad_request", "uri_too_long", "headers_too_large", "not_found") or status in (
        408,
        413,
    )
