"""Alembic's environment: runs on the connection, and in the transaction, that it is given."""

from __future__ import annotations

from alembic import context

from firesteel.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters little in place: Alembic makes the table anew there.
    render_as_batch=True,
    # SQLite's DDL is transactional once the transaction is begun by hand, which __init__ does.
    transactional_ddl=True,
)
context.run_migrations()
