"""Makes customer records in the ERP."""

import os
import sqlite3
from contextlib import closing
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from firesteel import Message, Response, step, workflow

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Customer(BaseModel):
    """What callers send; anything else is answered with 422 and every fault."""

    name: Text
    city: Text


@step
def insert_customer(customer: Customer, request_id: str) -> int:
    """The number of the new customer. Done a second time for one request, it is the same one."""
    with closing(sqlite3.connect(os.environ["ERP_DATABASE"], timeout=10)) as erp, erp:
        erp.execute(
            "insert into customer (name, city, request_id) values (?, ?, ?)"
            " on conflict (request_id) do nothing",
            (customer.name, customer.city, request_id),
        )
        row = erp.execute("select customer_no from customer where request_id = ?", (request_id,))
        number: int = row.fetchone()[0]
        return number


@workflow
def create_customer(customer: Customer, message: Message) -> Response:
    """A POST of a name and a city becomes a customer."""
    number = insert_customer(customer, message.id)
    print(f"customer {number} is new")
    return Response({"customer_no": number}, status=201)
