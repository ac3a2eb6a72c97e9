"""The tables of the store: one schema for SQLite and PostgreSQL.

Invariants stand here as named constraints, not only in code: a message has one place in its
trigger's sequence, a lane has one running execution, an idempotency key one message.

Times are wall-clock microseconds since 1970 (``_at_us``). A ``no`` is the store's own number and
never leaves the node's machine room; the public names are a message's ``id`` and its ``sequence``.
The first execution of a message has the message's ``no``; replays take further numbers from the
same count. Numbers are never given twice (``session.last_no``).

Rows of the hot tables (message, payload, execution, result, entry, attempt, replay_edit, search,
idempotency) have no foreign keys: one writer makes them together in one transaction, and each key
would cost a look-up an insert. What belongs to a message or execution goes with it when retention
ends.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    text,
    true,
)

from firesteel.store import columns, schema_alerts, schema_people
from firesteel.store.columns import Number, count, flag, numbered

metadata = columns.metadata
invitation, sign_in = schema_people.invitation, schema_people.sign_in
token, user = schema_people.token, schema_people.user
alerting, alert_state = schema_alerts.alerting, schema_alerts.alert_state
alert_delivery, alert_silence = schema_alerts.alert_delivery, schema_alerts.alert_silence

# --- the catalog -------------------------------------------------------------------------------

workspace = Table(
    "workspace",
    metadata,
    numbered(),
    Column("name", Text(), nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("history_s", BigInteger()),
    Column("payloads_s", BigInteger()),
    Column("archive", Boolean()),
    UniqueConstraint("name"),
)

# An integration is its trigger: ``integration.no`` is what everything else calls ``trigger_no``.
# ``concurrency`` to ``archive`` are taken from the published document. ``last_sequence`` counts
# what was accepted, ``replayed`` the executions that replays made, ``purged`` the executions that
# retention removed (P07). ``waiting``, ``running`` and ``touched_by`` are PostgreSQL's: counts of
# executions over all nodes, and the session that changed the trigger's executions last.
integration = Table(
    "integration",
    metadata,
    numbered(),
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("name", Text(), nullable=False),
    flag("enabled", default=True),
    Column("managed_by", Text(), nullable=False),
    Column("published_version_no", BigInteger()),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("removed_at_us", BigInteger()),
    Column("concurrency", Integer(), nullable=False),
    Column("max_waiting", BigInteger(), nullable=False),
    Column("lane_limit", BigInteger()),
    Column("on_failure", Text(), nullable=False),
    Column("history_s", BigInteger()),
    Column("payloads_s", BigInteger()),
    Column("archive", Boolean()),
    flag("paused"),
    Column("paused_because", Text(), nullable=False, server_default=text("''")),
    count("last_sequence"),
    count("replayed"),
    count("purged"),
    count("waiting"),
    count("running"),
    Column("touched_by", BigInteger()),
    CheckConstraint("managed_by IN ('files', 'console')", name="managed_by"),
    CheckConstraint("on_failure IN ('continue', 'pause')", name="on_failure"),
    CheckConstraint("concurrency >= 1", name="concurrency"),
    CheckConstraint("max_waiting >= 1", name="max_waiting"),
)

version = Table(
    "version",
    metadata,
    numbered(),
    Column("trigger_no", ForeignKey("integration.no"), nullable=False),
    Column("number", Integer(), nullable=False),
    Column("document", Text(), nullable=False),
    Column("published_at_us", BigInteger(), nullable=False),
    Column("published_by", Text(), nullable=False),
    UniqueConstraint("trigger_no", "number"),
)

# A party that calls; its name is the ``consumer`` of its messages.
consumer = Table(
    "consumer",
    metadata,
    numbered(),
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("name", Text(), nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    UniqueConstraint("workspace_no", "name"),
)

# A trigger that the consumer's keys open.
consumer_grant = Table(
    "consumer_grant",
    metadata,
    Column("consumer_no", ForeignKey("consumer.no"), nullable=False),
    Column("trigger_no", ForeignKey("integration.no"), nullable=False),
    Column("granted_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("consumer_no", "trigger_no"),
)

# A key of a trigger or of a consumer. Of those with one label that one is current which was not
# replaced; the others have been by rotation, and are taken until they expire. No number is given
# twice: the use of a key is written after it, when the key may be gone.
api_key = Table(
    "api_key",
    metadata,
    numbered(),
    Column("trigger_no", ForeignKey("integration.no")),
    Column("consumer_no", ForeignKey("consumer.no")),
    Column("label", Text(), nullable=False),
    Column("digest", LargeBinary(), nullable=False),
    Column("prefix", Text(), nullable=False),
    Column("sealed", LargeBinary(), nullable=False),
    Column("created_at_us", BigInteger(), nullable=False),
    Column("expires_at_us", BigInteger()),
    Column("last_used_at_us", BigInteger()),
    Column("replaced_at_us", BigInteger()),
    UniqueConstraint("trigger_no", "digest"),
    UniqueConstraint("consumer_no", "digest"),
    CheckConstraint("(trigger_no IS NULL) <> (consumer_no IS NULL)", name="one_owner"),
    sqlite_autoincrement=True,
)

connection = Table(
    "connection",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("name", Text(), nullable=False),
    Column("document", Text(), nullable=False),
    Column("managed_by", Text(), nullable=False),
    Column("changed_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("workspace_no", "name"),
    CheckConstraint("managed_by IN ('files', 'console')", name="managed_by"),
)

secret = Table(
    "secret",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("name", Text(), nullable=False),
    Column("sealed", LargeBinary(), nullable=False),
    Column("changed_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("workspace_no", "name"),
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text(), nullable=False),
    Column("value", Text(), nullable=False),
    PrimaryKeyConstraint("name"),
)

audit = Table(
    "audit",
    metadata,
    numbered(),
    Column("at_us", BigInteger(), nullable=False),
    Column("actor", Text(), nullable=False),
    Column("action", Text(), nullable=False),
    Column("subject", Text(), nullable=False),
    Column("detail", Text(), nullable=False),
)

# A draft of an integration, of one that is not published yet too (``base_version`` 0). ``document``
# holds no secrets. ``revision`` rises with every change, also where the draft was thrown away in
# between: it is the time of the change, so no two people overwrite each other unawares.
draft = Table(
    "draft",
    metadata,
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("name", Text(), nullable=False),
    Column("document", Text(), nullable=False),
    Column("base_version", Integer(), nullable=False),
    Column("revision", BigInteger(), nullable=False),
    Column("changed_at_us", BigInteger(), nullable=False),
    Column("changed_by", Text(), nullable=False),
    PrimaryKeyConstraint("workspace_no", "name"),
)

# --- figures for charts --------------------------------------------------------------------------

# What happened to a trigger within one minute (``minute``: whole minutes since 1970), or, once that
# is a day ago, within the hour that begins with it. The two histograms are counts by classes of
# duration, as JSON lists: from acceptance to settlement, and of Request-Response calls to their
# answer.
traffic = Table(
    "traffic",
    metadata,
    Column("minute", BigInteger(), nullable=False),
    Column("trigger_no", BigInteger(), nullable=False),
    count("accepted"),
    count("refused"),
    count("succeeded"),
    count("failed"),
    count("retried"),
    count("waiting"),
    count("oldest_waiting_s"),
    Column("settle_histogram", Text(), nullable=False),
    Column("answer_histogram", Text(), nullable=False),
    PrimaryKeyConstraint("minute", "trigger_no"),
    sqlite_with_rowid=False,
)

# --- the journal -------------------------------------------------------------------------------

# One life of one engine process. ``last_no``: no message or execution has a higher
# number; the next session begins behind it (SQLite). ``node``: the id of the node's data directory,
# ``role`` and ``version`` for people (PostgreSQL).
session = Table(
    "session",
    metadata,
    numbered(),
    Column("started_at_us", BigInteger(), nullable=False),
    Column("lease_until_us", BigInteger(), nullable=False),
    Column("ended_at_us", BigInteger()),
    count("last_no"),
    Column("node", Text(), nullable=False, server_default=text("''")),
    Column("role", Text(), nullable=False, server_default=text("''")),
    Column("version", Text(), nullable=False, server_default=text("''")),
)

# ``lane_key``: NULL where the trigger is not ordered, '' for its one lane. Of an erased message
# (``erased_at_us``) it is NULL, as its consumer.
message = Table(
    "message",
    metadata,
    Column("no", Number, primary_key=True, autoincrement=False),
    Column("id", Text(), nullable=False),
    Column("trigger_no", BigInteger(), nullable=False),
    Column("sequence", BigInteger(), nullable=False),
    Column("received_at_us", BigInteger(), nullable=False),
    Column("consumer", Text()),
    Column("lane_key", Text()),
    Column("erased_at_us", BigInteger()),
    UniqueConstraint("id"),
    UniqueConstraint("trigger_no", "sequence"),
)

# The bulk of a message, apart from its hot row. ``request`` is an encoded model.message.Request.
payload = Table(
    "payload",
    metadata,
    Column("message_no", Number, primary_key=True, autoincrement=False),
    Column("request", LargeBinary(), nullable=False),
    Column("body", LargeBinary(), nullable=False),
)

# ``position`` orders a lane (an execution's ``no``, or, of a replay that takes its original's
# place, that one's). ``turn``: it waits, and only for its due time, a slot or its trigger's pause:
# it has no lane, or is the head of one that is not paused. ``due_at_us``: of an attempt to be
# repeated later; NULL when it may be claimed now. ``interruptions``: how often an engine ended
# under it. ``failure``: of the last attempt, an encoded model.execution.Failure. ``started_at_us``:
# of the last attempt. ``first_started_at_us`` is told by the steady clock, all other times by the
# wall clock. ``told``: an alert of its failure was made. No condition here is an IN list: SQLite
# fills a temporary table for one at every insert and update, which took half of their time.
execution = Table(
    "execution",
    metadata,
    Column("no", Number, primary_key=True, autoincrement=False),
    Column("message_no", BigInteger(), nullable=False),
    Column("run", Integer(), nullable=False),
    Column("trigger_no", BigInteger(), nullable=False),
    Column("version_no", BigInteger(), nullable=False),
    Column("lane_key", Text()),
    Column("position", BigInteger(), nullable=False),
    Column("state", Text(), nullable=False),
    flag("turn"),
    Column("due_at_us", BigInteger()),
    Column("session_no", BigInteger()),
    count("epoch"),
    count("attempt"),
    count("counted"),
    count("interruptions"),
    flag("alone"),
    Column("first_started_at_us", BigInteger()),
    Column("started_at_us", BigInteger()),
    Column("settled_at_us", BigInteger()),
    Column("replay_of", BigInteger()),
    Column("failure", LargeBinary()),
    Column("ended_by", Text()),
    Column("ended_why", Text()),
    flag("told"),
    CheckConstraint(
        "state = 'running' OR state = 'succeeded' OR state = 'waiting'"
        " OR state = 'failed' OR state = 'cancelled' OR state = 'skipped'",
        name="state",
    ),
    CheckConstraint("run > 1 OR no = message_no", name="first_run"),
    CheckConstraint("(state = 'running') = (session_no IS NOT NULL)", name="running_has_session"),
    CheckConstraint("state = 'waiting' OR (NOT turn AND due_at_us IS NULL)", name="turn_waits"),
)

# What an execution left: ``response`` is an encoded model.execution.Response, ``input`` the
# workflow's input as JSON, ``logs`` and ``code_hash`` of the last attempt.
result = Table(
    "result",
    metadata,
    Column("execution_no", Number, primary_key=True, autoincrement=False),
    Column("response", LargeBinary(), nullable=False),
    Column("input", LargeBinary(), nullable=False),
    Column("logs", Text(), nullable=False),
    Column("code_hash", Text(), nullable=False),
)

# The journal of steps, in the order of ``no``.
entry = Table(
    "entry",
    metadata,
    numbered(),
    Column("execution_no", BigInteger(), nullable=False),
    Column("step", Text(), nullable=False),
    Column("kind", Text(), nullable=False),
    Column("attempt", Integer(), nullable=False),
    Column("started_at_us", BigInteger(), nullable=False),
    Column("ended_at_us", BigInteger(), nullable=False),
    Column("result", LargeBinary(), nullable=False),
    Column("input", LargeBinary(), nullable=False),
    UniqueConstraint("execution_no", "step"),
)

# Attempts that did not succeed. ``failure`` NULL: handed back. The logs of an execution's last
# attempt stand in ``result``.
attempt = Table(
    "attempt",
    metadata,
    Column("execution_no", BigInteger(), nullable=False),
    Column("attempt", Integer(), nullable=False),
    Column("started_at_us", BigInteger(), nullable=False),
    Column("ended_at_us", BigInteger(), nullable=False),
    Column("failure", LargeBinary()),
    Column("logs", Text(), nullable=False),
    PrimaryKeyConstraint("execution_no", "attempt"),
    sqlite_with_rowid=False,
)

# What a person changed for a replay; NULL: that part is as it was received. ``request`` is an
# encoded model.message.Request; ``input`` is JSON that takes the place of what data processing
# would make. The message itself is never changed.
replay_edit = Table(
    "replay_edit",
    metadata,
    Column("execution_no", Number, primary_key=True, autoincrement=False),
    Column("request", LargeBinary()),
    Column("body", LargeBinary()),
    Column("input", LargeBinary()),
)

# The lanes that are paused, and no others: so millions of keys leave nothing behind. Two facts
# that know nothing of each other, one of which holds at least: a person paused the lane
# (``paused_because``), and it stopped by itself at a failed execution (``stopped_at_no``).
paused_lane = Table(
    "paused_lane",
    metadata,
    Column("trigger_no", BigInteger(), nullable=False),
    Column("lane_key", Text(), nullable=False),
    Column("paused_because", Text()),
    Column("paused_at_us", BigInteger()),
    Column("stopped_at_no", BigInteger()),
    Column("stopped_at_us", BigInteger()),
    PrimaryKeyConstraint("trigger_no", "lane_key"),
    CheckConstraint(
        "paused_because IS NOT NULL OR stopped_at_no IS NOT NULL", name="paused_or_stopped"
    ),
    sqlite_with_rowid=False,
)

search = Table(
    "search",
    metadata,
    Column("trigger_no", BigInteger(), nullable=False),
    Column("name", Text(), nullable=False),
    Column("value", Text(), nullable=False),
    Column("message_no", BigInteger(), nullable=False),
    PrimaryKeyConstraint("trigger_no", "name", "value", "message_no"),
    sqlite_with_rowid=False,
)

# ``consumer`` '' where the trigger is open. It outlives its message when retention is shorter than
# the window, so it holds what a duplicate is answered with.
idempotency = Table(
    "idempotency",
    metadata,
    Column("trigger_no", BigInteger(), nullable=False),
    Column("consumer", Text(), nullable=False),
    Column("key", Text(), nullable=False),
    Column("message_id", Text(), nullable=False),
    Column("sequence", BigInteger(), nullable=False),
    Column("execution_no", BigInteger(), nullable=False),
    Column("fingerprint", LargeBinary(), nullable=False),
    Column("expires_at_us", BigInteger(), nullable=False),
    PrimaryKeyConstraint("trigger_no", "consumer", "key"),
    sqlite_with_rowid=False,
)

# An act on all executions that a filter finds, up to the one numbered ``until_no``, the oldest
# first; ``at_no`` is how far it has come. ``selection``: the filter, as JSON.
bulk = Table(
    "bulk",
    metadata,
    numbered(),
    Column("workspace_no", ForeignKey("workspace.no"), nullable=False),
    Column("act", Text(), nullable=False),
    Column("selection", Text(), nullable=False),
    Column("state", Text(), nullable=False),
    Column("started_by", Text(), nullable=False),
    Column("why", Text(), nullable=False),
    Column("started_at_us", BigInteger(), nullable=False),
    Column("ended_at_us", BigInteger()),
    Column("until_no", BigInteger(), nullable=False),
    count("at_no"),
    count("total"),
    count("done"),
    count("passed_over"),
    CheckConstraint("act IN ('replay', 'cancel', 'skip', 'erase')", name="act"),
    CheckConstraint("state IN ('running', 'done', 'cancelled')", name="state"),
    CheckConstraint("(state = 'running') = (ended_at_us IS NULL)", name="ended"),
)

# --- conditions and the indexes that serve them -------------------------------------------------

# A partial index is used only by queries that repeat its condition to the letter: with literals,
# not with bound values. So queries take the conditions from here.
WAITING: ColumnElement[bool] = execution.c.state == literal_column("'waiting'")
RUNNING: ColumnElement[bool] = execution.c.state == literal_column("'running'")
UNSUCCESSFUL: ColumnElement[bool] = and_(
    execution.c.state != literal_column("'succeeded'"),
    execution.c.state != literal_column("'running'"),
    execution.c.state != literal_column("'waiting'"),
)
IN_LANE: ColumnElement[bool] = execution.c.lane_key.is_not(None)
READY: ColumnElement[bool] = and_(
    WAITING, execution.c.turn == true(), execution.c.due_at_us.is_(None)
)
DUE_LATER: ColumnElement[bool] = and_(WAITING, execution.c.due_at_us.is_not(None))
UNTOLD: ColumnElement[bool] = and_(
    execution.c.state == literal_column("'failed'"), execution.c.told == false()
)
REPLAYS: ColumnElement[bool] = execution.c.run > literal_column("1")
CURRENT_KEY: ColumnElement[bool] = api_key.c.replaced_at_us.is_(None)
NOT_REMOVED: ColumnElement[bool] = integration.c.removed_at_us.is_(None)


def _partial(
    name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False
) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_partial(
    "uq_integration_name",
    integration.c.workspace_no,
    integration.c.name,
    where=NOT_REMOVED,
    unique=True,
)
# A label stands once among a trigger's keys, and a consumer's, that were not replaced.
for _owner in (api_key.c.trigger_no, api_key.c.consumer_no):
    _partial(
        f"uq_api_key_{_owner.name}_label",
        _owner,
        api_key.c.label,
        where=CURRENT_KEY,
        unique=True,
    )
# The first execution is found by its message's number; only replays need an index of their own.
_partial(
    "uq_execution_replay",
    execution.c.message_no,
    execution.c.run,
    where=REPLAYS,
    unique=True,
)
Index("ix_execution_trigger", execution.c.trigger_no, execution.c.no)
_partial(
    "ix_execution_unsuccessful",
    execution.c.trigger_no,
    execution.c.state,
    execution.c.no,
    where=UNSUCCESSFUL,
)
# Finding what may run reads only what may run, however much waits (P12). ``turn`` is always true
# in it, and makes SQLite's planner prefer it to ix_execution_trigger.
_partial(
    "ix_execution_ready",
    execution.c.turn,
    execution.c.trigger_no,
    execution.c.no,
    execution.c.lane_key,
    where=READY,
)
_partial(
    "ix_execution_due",
    execution.c.due_at_us,
    execution.c.trigger_no,
    execution.c.lane_key,
    where=DUE_LATER,
)
_partial(
    "ix_execution_lane",
    execution.c.trigger_no,
    execution.c.lane_key,
    execution.c.position,
    where=and_(WAITING, IN_LANE),
)
# Failures that alerts have to tell of, and no others: those of before alerts were set up stay in
# it, and are not looked at.
_partial("ix_execution_untold", execution.c.settled_at_us, where=UNTOLD)
_partial("ix_execution_running", execution.c.trigger_no, execution.c.no, where=RUNNING)
# A lane never has two running executions.
_partial(
    "uq_execution_running_lane",
    execution.c.trigger_no,
    execution.c.lane_key,
    where=and_(RUNNING, IN_LANE),
    unique=True,
)
# A rare consumer's messages, latest first, among millions of others'.
Index("ix_message_consumer", message.c.trigger_no, message.c.consumer, message.c.sequence)
# A workspace never has two bulk acts at once.
_partial(
    "uq_bulk_running",
    bulk.c.workspace_no,
    where=bulk.c.state == literal_column("'running'"),
    unique=True,
)
Index("ix_search_message", search.c.message_no)
Index("ix_idempotency_expires", idempotency.c.expires_at_us)
