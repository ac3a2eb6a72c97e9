"""The encryption key: how it stands, and another one in its place."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import Administrator, EngineGiven
from firesteel.admin.shapes import encryption as shapes
from firesteel.admin.times import written

router = APIRouter(prefix="/encryption", tags=["node"], route_class=JsonRoute)


@router.get("", responses=responses())
async def show_encryption(engine: EngineGiven, _access: Administrator) -> shapes.EncryptionShape:
    """The keys under which secrets are kept, by their ids."""
    state = await engine.key_rotation.state()
    return shapes.EncryptionShape(
        key=state.key_id,
        key_in_file=state.in_file,
        at_once=state.at_once,
        data_keys_since=written(state.made_at_us) if state.made_at_us else None,
        next_key=state.next_id,
        nodes_left=state.nodes_left,
        to_reseal=state.to_reseal,
    )


@router.post("/rotate", responses=responses("rotation_under_way", "changed_meanwhile"))
async def rotate_encryption_key(engine: EngineGiven, access: Administrator) -> shapes.RotatedShape:
    """Let another encryption key take over, while calls go on. A node alone whose key lies in its
    data directory has it when this is answered. Otherwise the next key is in the answer: give it to
    every node, start them anew one after the other, then finish."""
    rotated = await engine.key_rotation.begin(access.name)
    return shapes.RotatedShape(
        finished=rotated.key is None, next_key=rotated.key, former_file=rotated.former_file
    )


@router.post(
    "/finish",
    responses=responses("rotation_not_begun", "rotation_unfinished", "changed_meanwhile"),
)
async def finish_rotation(engine: EngineGiven, access: Administrator) -> shapes.EncryptionShape:
    """End a change of the encryption key: the key before opens the store no more, new data keys are
    made, and every secret is sealed anew."""
    await engine.key_rotation.finish(access.name)
    return await show_encryption(engine, access)
