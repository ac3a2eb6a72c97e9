"""Planted defect: new data keys come without those before, though nothing is sealed anew yet."""

from __future__ import annotations

from firesteel.engine.data_keys import DataKeys, new_generation


def _renewed(self: DataKeys, now_us: int) -> DataKeys:
    return DataKeys(self.lasting, (new_generation(now_us),))


DataKeys.renewed = _renewed  # type: ignore[method-assign]
