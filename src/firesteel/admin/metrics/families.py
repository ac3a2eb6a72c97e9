"""Every metric: its name, type, labels and meaning. docs/reference/metrics.md says the same.

``scope`` tells how figures of several nodes are put together. ``node``: each counts what it does
itself, from the start of its engine; add them up. ``store``: each reads the same from the store
that they share; take one of them, such as the highest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Scope = Literal["node", "store"]
INTEGRATION: Final = ("workspace", "integration")


@dataclass(frozen=True, slots=True)
class Family:
    """``name`` as it is queried, but for the ending of counters (``_total``), infos (``_info``) and
    the parts of histograms."""

    name: str
    kind: Kind
    scope: Scope
    labels: tuple[str, ...]
    text: str


def _per_integration(name: str, kind: Kind, scope: Scope, text: str, *labels: str) -> Family:
    return Family(f"firesteel_{name}", kind, scope, (*INTEGRATION, *labels), text)


def _of_all(name: str, kind: Kind, scope: Scope, text: str, *labels: str) -> Family:
    return Family(f"firesteel_{name}", kind, scope, labels, text)


FAMILIES: Final = (
    _per_integration(
        "messages_accepted", "counter", "store", "Messages accepted, since the trigger was made."
    ),
    _per_integration(
        "executions_replayed", "counter", "store", "Executions made by replays, since then."
    ),
    _per_integration(
        "executions_settled", "counter", "store", "Executions that have ended, since then."
    ),
    _per_integration("executions_waiting", "gauge", "store", "Executions that wait."),
    _per_integration("executions_running", "gauge", "store", "Executions that run."),
    _per_integration(
        "oldest_waiting_seconds",
        "gauge",
        "store",
        "Age of the message that has waited longest; 0 where none waits.",
    ),
    _per_integration(
        "lanes_paused",
        "gauge",
        "store",
        "Lanes paused by a person or at a failed message; a whole trigger counts as one.",
    ),
    _per_integration(
        "calls",
        "counter",
        "node",
        "Calls of the trigger, and of its messages, by the class of their answer's status.",
        "status",
    ),
    _per_integration(
        "calls_refused",
        "counter",
        "node",
        "Calls that were refused, with nothing of them stored, by the code of the problem.",
        "reason",
    ),
    _per_integration(
        "accept_seconds",
        "histogram",
        "node",
        "From the complete request to its commit, of accepted messages.",
    ),
    _per_integration(
        "answer_seconds",
        "histogram",
        "node",
        "From acceptance to the response, of callers that waited for one.",
    ),
    _per_integration(
        "settle_seconds",
        "histogram",
        "node",
        "From acceptance to the final outcome, retries and waiting included; replays are left out.",
    ),
    _per_integration(
        "executions_ended",
        "counter",
        "node",
        "Executions that ended by themselves, by outcome: succeeded or failed.",
        "outcome",
    ),
    _per_integration("retries", "counter", "node", "Attempts that failed and will be made again."),
    _per_integration(
        "attempts_failed",
        "counter",
        "node",
        "Attempts that failed, by the kind of the failure: transient, permanent or unknown.",
        "kind",
    ),
    _of_all(
        "build",
        "info",
        "node",
        "Release with the commit it was built from, role and name of the node.",
        "version",
        "role",
        "node",
    ),
    _of_all("accepting", "gauge", "node", "1 while calls are accepted."),
    _of_all(
        "refusing",
        "gauge",
        "node",
        "1 with the code that calls get while none is accepted; no sample while they are.",
        "reason",
    ),
    _of_all(
        "other_calls",
        "counter",
        "node",
        "Calls of the public port to what is no trigger, probes among them, by status class.",
        "status",
    ),
    _of_all(
        "requests_refused",
        "counter",
        "node",
        "Requests refused before anything was looked up, by port and code of the problem.",
        "port",
        "reason",
    ),
    _of_all("connections", "gauge", "node", "Connections that are open.", "port"),
    _of_all("connections_turned_away", "counter", "node", "Connections over the limits.", "port"),
    _of_all(
        "held_body_bytes", "gauge", "node", "Bodies that come in or wait for their commit.", "where"
    ),
    _of_all("paused", "gauge", "store", "1 while nothing is run, since a person said so."),
    _of_all("waiting_callers", "gauge", "node", "Calls that wait for a response."),
    _of_all("workers", "gauge", "node", "Worker processes that take attempts."),
    _of_all("workers_busy", "gauge", "node", "Worker processes with at least one attempt."),
    _of_all("workers_joined", "counter", "node", "Worker processes that came, restarts included."),
    _of_all(
        "workers_lost", "counter", "node", "Worker processes that ended without being told to."
    ),
    _of_all("worker_attempts", "gauge", "node", "Attempts that run in worker processes."),
    _of_all("worker_slots", "gauge", "node", "Attempts that may run in them at once."),
    _of_all("attempts_queued", "gauge", "node", "Attempts that wait for a worker process."),
    _of_all("worker_memory_bytes", "gauge", "node", "Resident memory of all worker processes."),
    _of_all(
        "taken_over",
        "counter",
        "node",
        "Executions that the node took over from sessions whose lease was over.",
    ),
    _of_all(
        "commit_seconds", "histogram", "node", "Transactions of the journal, their flush included."
    ),
    _of_all("commit_size", "histogram", "node", "Changes that one such transaction brought."),
    _of_all("commits_failed", "counter", "node", "Such transactions that were not committed."),
    _of_all("unwritten", "gauge", "node", "Changes whose transaction has not ended."),
    _of_all(
        "store_available",
        "gauge",
        "node",
        "0 where calls are refused for the store, or the store did not answer this scrape.",
    ),
    _of_all("store_bytes", "gauge", "store", "What the store takes on disk."),
    _of_all(
        "store_reusable_bytes", "gauge", "store", "Of these: empty, taken by new messages first."
    ),
    _of_all("disk_bytes", "gauge", "node", "Size of the disk of a store on SQLite."),
    _of_all("disk_free_bytes", "gauge", "node", "Free room on it."),
    _of_all("disk_reserve_bytes", "gauge", "node", "Free room below which calls are refused."),
    _of_all(
        "archive_failing",
        "gauge",
        "node",
        "1 while the archive takes nothing; what is to be archived stays in the store.",
    ),
    _of_all("api_keys", "gauge", "store", "API keys that expire soon or have expired.", "expiry"),
    _of_all("nodes", "gauge", "store", "Nodes that work on the store.", "role"),
)
