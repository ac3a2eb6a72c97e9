"""The shapes of what is tried before it is published: previews, single steps, functions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from firesteel.admin.shapes import FailureShape, ResponseShape, Shape
from firesteel.admin.shapes.scalars import Flag, Whole

MAX_BODY_CHARACTERS = 1024 * 1024
MAX_RESULTS_CHARACTERS = 4 * 1024 * 1024


class SampleShape(Shape):
    """A call that is made up: what would be received. Credentials are left out of it."""

    method: str = Field(default="POST", max_length=10)
    query: str = Field(default="", max_length=8192, description="As in a URL, behind its `?`.")
    headers: list[tuple[str, str]] = Field(default_factory=list, max_length=100)
    content_type: str | None = Field(default=None, description="Added to `headers`.")
    body: str = Field(default="", max_length=MAX_BODY_CHARACTERS, description="As UTF-8 text.")


class TrialShape(Shape):
    """On what something is tried: a message by its id, or a sample."""

    document: dict[str, Any] | None = Field(
        default=None,
        description="The integration as it is being edited; left out: its draft, else the "
        "published one.",
    )
    message: str | None = Field(
        default=None, description="Id of a stored message; needs the right to see payloads."
    )
    run: Whole | None = Field(
        default=None, ge=1, description="Of which execution; left out: latest."
    )
    sample: SampleShape | None = None
    results: str = Field(
        default="{}",
        max_length=MAX_RESULTS_CHARACTERS,
        description="JSON text of an object: results of earlier steps by name, as tries gave them. "
        "They go before those that the message's execution journaled.",
    )
    index: Whole = Field(
        default=0, ge=0, le=1_000_000, description="Which item of `for_each` stands for all."
    )


class PreviewShape(TrialShape):
    """What to evaluate: one of `data_processing`, `template` and `response`; none of them tells
    what expressions see there (with `sees`)."""

    data_processing: str | None = Field(default=None, description="A JSONata expression.")
    template: Any = Field(
        default=None, description="A document of expressions, such as a `map` or `parameters`."
    )
    step: str | None = Field(
        default=None,
        description="Evaluate as this step would; left out: after all steps.",
    )
    response: dict[str, Any] | None = Field(
        default=None, description="As in the integration file: status, headers, body or text."
    )
    sees: Flag = Field(default=False, description="Tell what expressions see, shortened.")


class PlacedFaultShape(Shape):
    """What is wrong, and where: a pointer into what was given, and a line and column of the text
    there, from 1."""

    pointer: str
    code: str
    detail: str
    line: int | None
    column: int | None


class PreviewedShape(Shape):
    """What came of it. `value` is JSON text, cut where `size_bytes` says more; null where the
    expression is undefined or has faults."""

    value: str | None
    size_bytes: int
    undefined: bool
    response: ResponseShape | None
    faults: list[PlacedFaultShape]
    missing: list[str] = Field(description="Earlier steps whose results are not known.")
    sees: Any = Field(default=None, description="What expressions see, shortened for people.")


class TryShape(TrialShape):
    """A try of one step."""

    sql: Literal["roll_back", "commit"] = Field(
        default="roll_back", description="Whether the database keeps what `sql` steps do."
    )
    act: Flag = Field(
        default=False,
        description="Must be true for a step that acts for real: `http`, `python`, `sql` with "
        "`commit`.",
    )
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 30.0


class TriedShape(Shape):
    """How a step went that was tried."""

    step: str
    outcome: Literal["succeeded", "failed", "left_out"]
    value: str | None = Field(description="The result as JSON text, cut where it is long.")
    size_bytes: int
    failure: FailureShape | None
    logs: str
    took_ms: int
    acted: list[str] = Field(description="Kinds of steps that acted for real.")
    rolled_back: bool = Field(description="What `sql` did was rolled back.")


class FunctionShape(Shape):
    """A Python function that integrations may name."""

    reference: str = Field(examples=["pricing:item_price"])
    kind: Literal["workflow", "step", "function"]
    description: str
    takes_input: bool
    takes_message: bool
    input_schema: dict[str, Any] | None = Field(
        description="JSON Schema of a workflow's input, or of the arguments of a step."
    )


class ModuleFaultShape(Shape):
    """A file of the workflows folder that cannot be used."""

    file: str
    detail: str


class FunctionsShape(Shape):
    """What is deployed in the project's workflows folder."""

    functions: list[FunctionShape]
    faults: list[ModuleFaultShape]
