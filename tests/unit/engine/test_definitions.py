"""Plans of versions, of which a node that publishes for years keeps many."""

from __future__ import annotations

import gc
from typing import cast

from firesteel.engine.definitions import LIMIT, Definitions
from firesteel.model.integration import Integration
from firesteel.store.catalog import Catalog, Version

NO_CATALOG = cast("Catalog", None)


def version(number: int) -> Version:
    steps = [{"name": "answer", "map": f"{{% {number} %}}"}]
    document = {"name": "Answer", "workflow": {"retry": {"attempts": 3}, "steps": steps}}
    return Version(number, number, 1, "test", 0, "anna", document)


def models() -> int:
    """Documents that somebody holds as models."""
    gc.collect()
    return sum(isinstance(each, Integration) for each in gc.get_objects())


def test_plans_hold_no_model_of_their_document() -> None:
    definitions = Definitions(NO_CATALOG)
    before = models()
    plans = [definitions.add(version(number)) for number in range(100)]
    assert models() <= before
    assert (plans[7].name, plans[7].version, plans[7].retry.attempts) == ("Answer", 7, 3)


def test_plans_have_a_bound() -> None:
    definitions = Definitions(NO_CATALOG)
    for number in range(LIMIT + 1):
        definitions.add(version(number))
    assert definitions.known(0) is None
    assert definitions.known(LIMIT) is not None


def test_a_plan_that_is_asked_for_outlives_those_that_are_not() -> None:
    definitions = Definitions(NO_CATALOG)
    for number in range(LIMIT):
        definitions.add(version(number))
    assert definitions.known(0) is not None
    definitions.add(version(LIMIT))
    assert definitions.known(0) is not None
    assert definitions.known(1) is None
