"""Planted defect: a route of the REST API refuses in a way that its document does not tell."""

from __future__ import annotations

from typing import Any

from firesteel.admin import views
from firesteel.errors import CallerError


def _refuse(*_given: Any, **_named: Any) -> Any:
    raise CallerError(code="target_exists")


views.connection = _refuse
