"""Problems: every error that a caller or an API client can get, as RFC 9457 describes them.

``PROBLEMS`` is the one place where a code gets its status, its title and its meaning;
docs/reference/errors.md is held to it by a test. A body never holds input bytes, keys, SQL, paths
or traces: ``detail`` is written by us, or by the author of a workflow (PermanentError).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from firesteel.errors import FiresteelError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:firesteel:"
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What a code stands for. ``retry_after_s``: what Retry-After says where nothing better is
    known; None: the header is not sent. ``meaning``: one sentence for the reference."""

    status: int
    title: str
    meaning: str
    retry_after_s: int | None = None


PROBLEMS: Mapping[str, ProblemType] = {
    # --- the public port, in the order of the checks
    "not_found": ProblemType(
        404,
        "Not found",
        "There is nothing at this address: no such workspace, integration or message, or it is "
        "switched off, or it is not yours to see.",
    ),
    "unauthorized": ProblemType(
        401,
        "Unauthorized",
        "The credentials are missing, wrong, deleted or expired. An API key is sent as x-api-key "
        "or as Authorization: Bearer; the trigger may take others.",
    ),
    "method_not_allowed": ProblemType(
        405,
        "Method not allowed",
        "The trigger does not take this method; Allow lists those that it takes.",
    ),
    "body_too_large": ProblemType(
        413, "Body too large", "The body is over the trigger's max_body; it was not read."
    ),
    "rate_limited": ProblemType(
        429,
        "Too many requests",
        "The rate limit of this consumer or trigger is used up; Retry-After says when to go on.",
        1,
    ),
    "issuer_unavailable": ProblemType(
        503,
        "Issuer unavailable",
        "The keys of the token's issuer could not be fetched, so the token cannot be verified now.",
        10,
    ),
    "attempts_limited": ProblemType(
        429,
        "Too many failed attempts",
        "Too many calls from this address had wrong credentials; Retry-After says when to go on.",
        2,
    ),
    "lane_full": ProblemType(
        429,
        "Too many messages waiting",
        "The trigger has max_waiting messages waiting already, or the lane max_length; nothing "
        "was stored.",
        5,
    ),
    "invalid_parameters": ProblemType(
        400,
        "Invalid query parameters",
        "One or more query parameters are missing, of the wrong type or not declared; errors lists "
        "all of them.",
    ),
    "body_invalid": ProblemType(
        400,
        "Invalid body",
        "The body is not what the trigger's body setting asks for; errors lists the faults by "
        "pointer.",
    ),
    "missing_key": ProblemType(
        400,
        "Missing ordering key",
        "The path of the trigger's ordering key yields nothing in this call, so the message has no "
        "lane.",
    ),
    "idempotency_mismatch": ProblemType(
        422,
        "Idempotency key used for another call",
        "The same idempotency key came before with another method, query or body.",
    ),
    # --- the public port, answers of Request-Response
    "input_invalid": ProblemType(
        422,
        "Invalid input",
        "The workflow's input is not of the type that it declares; errors lists the faults by "
        "pointer.",
    ),
    "execution_failed": ProblemType(
        502,
        "Execution failed",
        "The workflow failed for good; detail has its text where it gave one for callers.",
    ),
    "execution_cancelled": ProblemType(
        502, "Execution cancelled", "A person cancelled the execution before it had a response."
    ),
    "execution_skipped": ProblemType(
        502, "Execution skipped", "A person skipped the message; its workflow did not succeed."
    ),
    "response_timeout": ProblemType(
        504,
        "No response in time",
        "The workflow has not answered within the trigger's timeout; it goes on, and status_url "
        "has its response later.",
    ),
    "response_gone": ProblemType(
        410,
        "Response no longer kept",
        "The message has ended; its response was deleted by retention or erased.",
    ),
    # --- the node cannot take calls now
    "store_unavailable": ProblemType(
        503, "Store unavailable", "The store cannot commit now; nothing of this call was stored.", 5
    ),
    "store_unsafe": ProblemType(
        503,
        "Store unsafe",
        "The database has been set up so that it could lose what it commits; nothing of this call "
        "was stored, and nothing is until that is mended.",
        30,
    ),
    "outcome_unknown": ProblemType(
        503,
        "Outcome unknown",
        "The store failed while it committed: the call may have been accepted. Send it again with "
        "the same idempotency key.",
        5,
    ),
    "node_starting": ProblemType(
        503,
        "Node starting",
        "Said to balancers only: the project folder is being applied, and what is new in it is not "
        "served yet; what was published before is.",
        1,
    ),
    "node_stopping": ProblemType(
        503,
        "Node stopping",
        "The node is shutting down; where id and status_url are given the message is accepted and "
        "its response can be fetched there later.",
        5,
    ),
    "disk_full": ProblemType(
        503,
        "Disk nearly full",
        "Less than the disk reserve is free; accepting resumes by itself when there is room.",
        30,
    ),
    "overloaded": ProblemType(
        503,
        "Overloaded",
        "More calls wait for the store, or more bytes of bodies are under way, than the node can "
        "hold; nothing of this call was stored.",
        1,
    ),
    "node_outdated": ProblemType(
        503,
        "Node outdated",
        "A node of a newer release has published this integration; this node cannot read it.",
        5,
    ),
    "too_many_connections": ProblemType(
        503,
        "Too many connections",
        "As many connections are open as the node takes, in all or of this address; this one is "
        "closed.",
        5,
    ),
    # --- HTTP itself
    "bad_request": ProblemType(
        400, "Bad request", "The request is not valid HTTP, or its URL cannot be decoded."
    ),
    "request_timeout": ProblemType(
        408, "Request too slow", "The head or the body of the request did not arrive in time."
    ),
    "uri_too_long": ProblemType(414, "URL too long", "The URL is longer than 8 KiB."),
    "unsupported_media_type": ProblemType(
        415,
        "Unsupported media type",
        "The content type or content coding of the body is not one that this address takes.",
    ),
    "misdirected_request": ProblemType(
        421,
        "Misdirected request",
        "The port is not called by the name that the Host header has; allowed_hosts lists its "
        "names.",
    ),
    "headers_too_large": ProblemType(
        431, "Headers too large", "The headers are over 32 KiB or more than 100."
    ),
    "internal_error": ProblemType(
        500, "Internal error", "A defect of Firesteel; the request id finds it in the log."
    ),
    "not_implemented": ProblemType(
        501, "Not implemented", "The request uses a transfer coding that is not known."
    ),
    # --- the REST API
    "invalid_request": ProblemType(
        400,
        "Invalid request",
        "Parameters or body of the request are not as the API describes them; errors lists all "
        "faults.",
    ),
    "sign_in_refused": ProblemType(
        401,
        "Sign-in refused",
        "Name or password is wrong; that there is no such user, or that the user is disabled, is "
        "not told apart.",
    ),
    "forbidden": ProblemType(
        403, "Forbidden", "Whoever is signed in does not have the right to do this."
    ),
    "forged_request": ProblemType(
        403,
        "Request from elsewhere",
        "A request with a session's cookie came from another site, or without the token that the "
        "console's pages send; nothing was done.",
    ),
    "unknown_workspace": ProblemType(404, "Unknown workspace", "There is no such workspace."),
    "unknown_integration": ProblemType(
        404, "Unknown integration", "The workspace has no integration of that name."
    ),
    "unknown_draft": ProblemType(
        404, "Unknown draft", "The integration has no draft: what is published is all there is."
    ),
    "unknown_version": ProblemType(
        404, "Unknown version", "The integration has no version of that number."
    ),
    "unknown_key": ProblemType(404, "Unknown API key", "The trigger has no API key of that label."),
    "unknown_consumer": ProblemType(
        404, "Unknown consumer", "The workspace has no consumer of that name."
    ),
    "unknown_connection": ProblemType(
        404, "Unknown connection", "The workspace has no connection of that name."
    ),
    "unknown_channel": ProblemType(
        404, "Unknown channel", "The workspace has no channel of alerts of that name."
    ),
    "unknown_rule": ProblemType(
        404, "Unknown rule", "The workspace has no rule of alerts of that name."
    ),
    "unknown_secret": ProblemType(
        404, "Unknown secret", "The workspace has no secret of that name."
    ),
    "unknown_message": ProblemType(
        404, "Unknown message", "There is no message of that id, or retention has ended."
    ),
    "unknown_execution": ProblemType(
        404, "Unknown execution", "The message has no execution of that number."
    ),
    "unknown_step": ProblemType(
        404, "Unknown step", "The workflow of the document has no step of that name."
    ),
    "name_taken": ProblemType(
        409, "Name taken", "The workspace has an integration or a consumer of that name."
    ),
    "unknown_bulk": ProblemType(
        404, "Unknown bulk act", "The workspace has no bulk act of that number, or no longer."
    ),
    "unknown_user": ProblemType(404, "Unknown user", "There is no user of that name."),
    "unknown_session": ProblemType(
        404, "Unknown session", "Whoever asks has no session of that id, or it has ended."
    ),
    "unknown_token": ProblemType(404, "Unknown token", "There is no API token of that name."),
    "label_taken": ProblemType(
        409,
        "Label taken",
        "The trigger or the consumer has an API key or another way to authenticate of that label.",
    ),
    "secret_taken": ProblemType(
        409,
        "Secret taken",
        "The trigger or the consumer has an API key with the same secret, or another consumer has "
        "it.",
    ),
    "user_taken": ProblemType(409, "User taken", "There is a user of that name."),
    "token_taken": ProblemType(409, "Token taken", "There is an API token of that name."),
    "last_administrator": ProblemType(
        409,
        "Last administrator",
        "The user is the only administrator who can sign in, so nobody could let another in.",
    ),
    "link_invalid": ProblemType(
        409,
        "Invalid link",
        "The one-time link was used already, is over or never was one; or whoever it is for is "
        "disabled, or there is an administrator already.",
    ),
    "rotation_under_way": ProblemType(
        409,
        "Change of the key under way",
        "A node has the next encryption key already; finish this change before another one.",
    ),
    "rotation_not_begun": ProblemType(
        409, "No change of the key begun", "No change of the encryption key was begun."
    ),
    "rotation_unfinished": ProblemType(
        409,
        "Nodes without the next key",
        "Some nodes have the encryption key before and would not start again; detail names them.",
    ),
    "managed_by_files": ProblemType(
        409,
        "Managed by files",
        "The integration or connection came from a project folder and is edited there.",
    ),
    "managed_by_console": ProblemType(
        409,
        "Managed by the console",
        "The integration or connection belongs to the console and the API; files take it over only "
        "where that is asked for.",
    ),
    "not_terminal": ProblemType(
        409,
        "Execution not ended",
        "Only what has ended can be replayed or erased; a failed message at which a lane stands is "
        "erased once somebody has retried or skipped it.",
    ),
    "not_recovered": ProblemType(
        409,
        "Execution being recovered",
        "The engine that ran the execution has died and it is being taken over; try again.",
    ),
    "cancel_unanswered": ProblemType(
        409,
        "Cancellation unanswered",
        "The node that runs the execution has not ended it in time; look at its state, and try "
        "again.",
    ),
    "already_terminal": ProblemType(
        409, "Execution ended already", "The execution had ended before, so nothing was changed."
    ),
    "not_waiting": ProblemType(
        409, "Execution not waiting", "The execution is not waiting, so nothing was changed."
    ),
    "bulk_running": ProblemType(
        409,
        "Bulk act running",
        "Another bulk act of the workspace is running; wait for its end, or cancel it.",
    ),
    "payload_purged": ProblemType(
        409, "Payload purged", "The message's request and body were deleted by retention or erased."
    ),
    "acts_for_real": ProblemType(
        409,
        "Acts for real",
        "What the step does cannot be rolled back; send act: true where that is meant.",
    ),
    "backup_unsupported": ProblemType(
        409,
        "No backup here",
        "The store is a PostgreSQL database, which is backed up with PostgreSQL's own tools, such "
        "as pg_dump or pg_basebackup.",
    ),
    "backup_busy": ProblemType(
        409, "Backup under way", "Another copy of the store is being made; wait for its end."
    ),
    "no_room": ProblemType(
        409, "No room", "The disk has too little room for the copy beside its reserve."
    ),
    "target_exists": ProblemType(
        409, "Target exists", "The file to write to exists; it was left as it is."
    ),
    "changed_meanwhile": ProblemType(
        412,
        "Changed meanwhile",
        "Somebody published another version, or changed the draft, since what this change is "
        "based on.",
    ),
    "integration_invalid": ProblemType(
        422,
        "Invalid integration",
        "The integration document has faults; errors lists all of them by pointer.",
    ),
    "connection_invalid": ProblemType(
        422, "Invalid connection", "The connection document has faults; errors lists them."
    ),
    "alerts_invalid": ProblemType(
        422, "Invalid alerts", "The document of alerts has faults; errors lists them."
    ),
    "channel_needed": ProblemType(
        409, "Channel needed", "A rule of alerts has no other channel than this one."
    ),
    "key_invalid": ProblemType(
        422,
        "Invalid API key",
        "A pasted API key is shorter than 8 characters, longer than 512, or holds characters that "
        "a header cannot carry.",
    ),
    "password_weak": ProblemType(
        422,
        "Weak password",
        "A password has 12 to 256 characters, and is not the user's name or the same few "
        "characters again and again.",
    ),
    "password_wrong": ProblemType(
        422, "Wrong password", "The current password is another one; nothing was changed."
    ),
    "expiry_invalid": ProblemType(
        422, "Invalid expiry", "The expiry is not a date such as 2027-06-30."
    ),
    "name_invalid": ProblemType(
        422, "Invalid name", "The name has characters or a length that a name may not have."
    ),
    "reference_missing": ProblemType(
        422,
        "Missing reference",
        "A ${NAME} is neither a secret of the workspace nor in the node's environment.",
    ),
    "too_many_attempts": ProblemType(
        429,
        "Too many attempts",
        "Too many attempts to sign in with this name, from this address, or at once; Retry-After "
        "says when to go on.",
        60,
    ),
    "backup_failed": ProblemType(500, "Backup failed", "The copy could not be written."),
    "trials_busy": ProblemType(
        429,
        "Too many calls being tried",
        "As many calls as the console makes at once are under way.",
        5,
    ),
    "search_busy": ProblemType(
        429,
        "Searches under way",
        "As many searches through payloads are under way as the node takes; try again.",
        1,
    ),
    "too_many_listeners": ProblemType(
        503,
        "Too many listeners",
        "As many lists are watched live as the node takes; load the list instead.",
        30,
    ),
    "workers_unavailable": ProblemType(
        503, "No worker", "No worker process is ready to do this now.", 1
    ),
}

FAULTS: Mapping[str, str] = {
    "missing": "A required value was not given.",
    "wrong_type": "The value is not of the declared type.",
    "not_in_enum": "The value is none of those that are listed.",
    "repeated": "A value that may be given once was given several times.",
    "undeclared": "The name is not declared, and the trigger rejects such names.",
    "not_utf8": "Percent-decoding does not yield valid UTF-8.",
    "too_many": "There are more values than are taken.",
}
"""Codes of single ``errors`` items, beside those that a JSON Schema or a type check gives."""


class Fault(Protocol):
    """What is wrong at one place; its ``code`` is of ``FAULTS`` or a type check's."""

    @property
    def code(self) -> str:
        """Stable, for programs."""
        ...

    @property
    def detail(self) -> str:
        """For people; holds no input."""
        ...


class AtPointer(Fault, Protocol):
    """A fault in a body or document."""

    @property
    def pointer(self) -> str:
        """RFC 6901 JSON pointer."""
        ...


class AtParameter(Fault, Protocol):
    """A fault of a query parameter."""

    @property
    def parameter(self) -> str:
        """Its name."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One occurrence. ``code`` is of ``PROBLEMS``; ``detail`` empty: the type's meaning stands.

    ``id`` and ``status_url`` name the message once there is one. ``headers`` are sent with it
    (names in lower case): Allow, Retry-After, WWW-Authenticate.
    """

    code: str
    detail: str = ""
    errors: Sequence[AtPointer | AtParameter] = ()
    id: str | None = None
    status_url: str | None = None
    retry_after_s: int | None = None
    headers: Sequence[tuple[str, str]] = field(default=())

    @classmethod
    def of(cls, error: FiresteelError) -> Problem:
        """The problem of an error; one without a problem of its own is ``internal_error``, whose
        text is not shown."""
        if error.code in PROBLEMS and error.code != "internal_error":
            return cls(error.code, error.detail)
        return cls("internal_error")

    @property
    def type(self) -> ProblemType:
        """What the code stands for."""
        return PROBLEMS[self.code]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return PROBLEMS[self.code].status

    def all_headers(self) -> list[tuple[str, str]]:
        """Content-Type and what else belongs to this answer, names in lower case."""
        headers = [("content-type", MEDIA_TYPE), *self.headers]
        retry_after_s = self.retry_after_s or self.type.retry_after_s
        if retry_after_s is not None:
            headers.append(("retry-after", str(retry_after_s)))
        named = {name for name, _ in self.headers}
        if self.status == _UNAUTHORIZED and "www-authenticate" not in named:
            headers.append(("www-authenticate", 'Bearer realm="firesteel"'))
        return headers

    def body(self, instance: str) -> bytes:
        """The JSON body; ``instance`` is a URI reference that names this occurrence."""
        type_ = self.type
        members: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": type_.title,
            "status": type_.status,
            "detail": self.detail or type_.meaning,
            "instance": instance,
        }
        if self.errors:
            members["errors"] = [_members(fault) for fault in self.errors]
        if self.id is not None:
            members["id"] = self.id
        if self.status_url is not None:
            members["status_url"] = self.status_url
        return msgspec.json.encode(members)


def _members(fault: AtPointer | AtParameter) -> dict[str, str]:
    parameter = getattr(fault, "parameter", None)
    if parameter is None:
        place = {"pointer": str(getattr(fault, "pointer", ""))}
    else:
        place = {"parameter": str(parameter)}
    return place | {"code": fault.code, "detail": fault.detail}
