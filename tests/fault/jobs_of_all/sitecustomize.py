"""Every node takes each round of maintenance for its own: what the lock of a job is for thrift, the
rows must be for truth."""

from __future__ import annotations

from firesteel.store.jobs import OnlyNode
from firesteel.store.postgresql.jobs import PostgresqlJobs

PostgresqlJobs.only_here = OnlyNode.only_here  # type: ignore[assignment, method-assign]
