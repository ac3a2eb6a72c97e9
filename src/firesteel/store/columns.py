"""What all tables of the store are made of: their one collection, and columns that many have."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, false, text, true

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only in a column declared INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


def numbered() -> Column[int]:
    """``no``: the store's own number of a row."""
    return Column("no", Number, primary_key=True, autoincrement=True)


def flag(name: str, *, default: bool = False) -> Column[bool]:
    """A yes or no, no where nothing else is said."""
    return Column(name, Boolean(), nullable=False, server_default=true() if default else false())


def count(name: str) -> Column[int]:
    """A count that begins at 0."""
    return Column(name, BigInteger(), nullable=False, server_default=text("0"))
