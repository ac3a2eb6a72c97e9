"""The node's settings as its administrators see them: secrets and credentials left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.admin import shapes
from firesteel.model.quantities import format_duration, format_size
from firesteel.settings import SETTINGS

if TYPE_CHECKING:
    from firesteel.settings import Setting, Settings

_SECRET: Final = frozenset({"encryption_key", "database_url"})


def settings_shown(settings: Settings) -> list[shapes.SettingShape]:
    """All settings in their order; ``is_default`` where the value is the one that holds unless
    somebody sets another."""
    return [_shown(setting, getattr(settings, setting.field)) for setting in SETTINGS]


def _shown(setting: Setting, value: Any) -> shapes.SettingShape:
    return shapes.SettingShape(
        name=setting.name,
        variable=setting.variable,
        value=None if setting.name in _SECRET else _written(setting.field, value),
        default=setting.default,
        is_default=value == _default(setting),
        description=setting.description,
    )


def _default(setting: Setting) -> Any:
    if setting.default:
        return setting.parse(setting.default)
    return setting.nothing


def _written(field: str, value: Any) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, tuple):
        return ",".join(value)
    if field.endswith("_bytes"):
        return format_size(value)
    return format_duration(value) if field.endswith("_s") else str(value)
