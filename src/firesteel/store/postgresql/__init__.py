"""The store on PostgreSQL: one database, any number of nodes.

Importing anything here raises OperatorError ``driver_missing`` where psycopg cannot be had.
"""

from firesteel.errors import OperatorError

try:
    import psycopg as _  # noqa: F401  # fails too where its libpq is missing
except ImportError as error:
    raise OperatorError(
        "PostgreSQL needs the driver psycopg, which is not installed: "
        "pip install 'firesteel[postgresql]'",
        code="driver_missing",
    ) from error
