"""What every route may ask for: the engine, the publisher, and who asks."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Path, Request

from firesteel.admin.access import ACCESS_KEY, Access, Right
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.visitor import VISITOR_KEY, Visitor
from firesteel.engine.engine import Engine
from firesteel.engine.owned_keys import KeysOf
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError


async def _engine(request: Request) -> Engine:
    return cast("Engine", request.app.state.engine)


async def _publisher(request: Request) -> Publisher:
    return cast("Publisher", request.app.state.publisher)


async def _access(request: Request) -> Access:
    access = request.scope.get(ACCESS_KEY)
    if not isinstance(access, Access):
        raise CallerError("this needs a token of the node", code="unauthorized")
    return access


async def _accounts(request: Request) -> Accounts:
    return cast("Accounts", request.app.state.accounts)


async def _visitor(request: Request) -> Visitor:
    return cast("Visitor", request.scope[VISITOR_KEY])


class Needs:
    """A dependency that refuses whoever lacks the right."""

    def __init__(self, right: Right) -> None:
        self.right: Right = right

    async def __call__(self, access: Annotated[Access, Depends(_access)]) -> Access:
        """The access, where it has the right; CallerError ``forbidden`` otherwise."""
        access.require(self.right)
        return access


EngineGiven = Annotated[Engine, Depends(_engine)]
PublisherGiven = Annotated[Publisher, Depends(_publisher)]
Viewer = Annotated[Access, Depends(Needs("view"))]
Operator = Annotated[Access, Depends(Needs("operate"))]
PayloadReader = Annotated[Access, Depends(Needs("payloads"))]
Editor = Annotated[Access, Depends(Needs("edit"))]
Administrator = Annotated[Access, Depends(Needs("administer"))]
Revealer = Annotated[Access, Depends(Needs("reveal"))]
Anybody = Annotated[Access, Depends(_access)]
"""Whoever has a credential, whatever their rights."""
AccountsGiven = Annotated[Accounts, Depends(_accounts)]
VisitorGiven = Annotated[Visitor, Depends(_visitor)]

WorkspaceName = Annotated[str, Path(description="Name of the workspace.", examples=["demo"])]
IntegrationName = Annotated[
    str, Path(description="Name of the integration.", examples=["ItemPrice"])
]
KeyLabel = Annotated[str, Path(description="Label of the API key.", examples=["web shop"])]
ConsumerName = Annotated[str, Path(description="Name of the consumer.", examples=["ACME"])]
UserName = Annotated[str, Path(description="Name of the user.", examples=["anna"])]
TokenName = Annotated[str, Path(description="Name of the API token.", examples=["deployment"])]
SessionId = Annotated[str, Path(description="Id of the session.")]
MessageId = Annotated[str, Path(description="Id of the message, as Firesteel-Message-Id gave it.")]


async def keys_of_trigger(
    request: Request, workspace: WorkspaceName, name: IntegrationName
) -> None:
    """For the routes of a router: their keys are those of the integration's trigger."""
    request.state.keys_of = KeysOf("trigger", workspace, name)


async def keys_of_consumer(
    request: Request, workspace: WorkspaceName, consumer: ConsumerName
) -> None:
    """For the routes of a router: their keys are those of the consumer."""
    request.state.keys_of = KeysOf("consumer", workspace, consumer)


async def _keys_of(request: Request) -> KeysOf:
    return cast("KeysOf", request.state.keys_of)


KeysOfGiven = Annotated[KeysOf, Depends(_keys_of)]
"""Whose API keys a route is about, by the dependency of its router."""
