"""Greets."""

from dataclasses import dataclass

from firesteel import workflow


@dataclass
class Greeting:
    """The input; anything else is answered with 422 and every fault."""

    name: str


@workflow
def greet(greeting: Greeting) -> dict[str, str]:
    """What is returned is the answer, as JSON."""
    return {"greeting": f"Hello, {greeting.name}!"}
