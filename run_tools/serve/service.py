"""The web service: which calls there are."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException as HTTPError

from feature_cache import BrokenImageError, check_image
from mmrec_host.errors import ConfigError, UserError
from mmrec_host.version import __version__

from ..named_answers import as_json
from . import schema
from .calls_page import calls_page
from .catalogue_page import POLICY, catalogue_page
from .current_run import CurrentRun
from .gate import KEY_HEADER, Gate, Limits
from .served_run import Alike, ForUser

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]

FAULTS: dict[int | str, dict[str, Any]] = {
    code: {"model": schema.Fault} for code in (401, 404, 413, 422, 500, 503)
}  # fmt: skip


def make_service(
    current: CurrentRun,
    limits: Limits,
    key: str | None = None,
    hosts: frozenset[str] | None = None,
    after_reload: Callable[[], None] = lambda: None,
    lifespan: Lifespan | None = None,
) -> Gate:
    """The ASGI application.

    Args:
        key, hosts: as in `Gate`.
        after_reload: called when a request had the run reloaded.
        lifespan: runs as long as the service.
    """
    needs = [Depends(APIKeyHeader(name=KEY_HEADER, auto_error=False))] if key else []
    app = FastAPI(
        title="PTMRec",
        description="What a finished run recommends. Users and items are called by the original id, else by the "
        "index; index:N is always the index.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=FAULTS,
    )
    _answer_faults(app)

    def index(kind: str, name: str) -> int:
        names = current.serving.run.names
        try:
            return (names.users if kind == "user" else names.items).index(name)
        except ConfigError as error:
            raise HTTPException(404, str(error)) from error

    @app.get("/recommend", dependencies=needs, responses={200: {"model": schema.Recommended}})
    async def recommend(
        user: Annotated[schema.Name | None, Query(description="a user of the run")] = None,
        items: Annotated[
            list[schema.Name],
            Query(max_length=schema.MOST_TAKEN, description="what somebody took who came after training"),
        ] = [],  # noqa: B006 (FastAPI copies it)
        k: schema.K = 10,
        include_taken: schema.IncludeTaken = False,
    ) -> Response:
        """The k best items for a user, or for somebody who took these items."""
        if (user is None) == (not items):
            raise HTTPException(422, "say one of user and items.")
        serving = current.serving
        if user is not None:
            return _json(await serving.for_users.ask(ForUser(index("user", user), k, include_taken)))
        taken = tuple(index("item", item) for item in items)
        return _json(await serving.alike.ask(Alike(taken, k, include_taken=include_taken)))

    @app.get("/similar", dependencies=needs, responses={200: {"model": schema.Similar}})
    async def similar(item: schema.Name, k: schema.K = 10) -> Response:
        """The k items whose vectors are most like this item's."""
        serving = current.serving
        return _json(await serving.alike.ask(Alike((index("item", item),), k, session=False)))

    @app.get("/search", dependencies=needs, responses={200: {"model": schema.Found}})
    async def search(text: schema.Text, k: schema.K = 10) -> Response:
        """The k items whose texts are nearest to this one, by the run's encoder."""
        return _json(as_json(await current.encode(current.serving.run.search, text, k)).encode())

    @app.post("/new-item", dependencies=needs, responses={200: {"model": schema.Placed}})
    async def new_item(item: schema.NewItem) -> Response:
        """Where an item belongs that the catalogue does not have: the nearest items, and the likeliest users."""
        text, image = item.text.strip(), _decoded(item.image)
        if not text and not image:
            raise HTTPException(422, "a new item needs a text or an image.")
        serving = current.serving
        if image:
            await current.encode(_require_image, image, limits.pixels)
        return _json(as_json(await current.encode(serving.run.place, text, image, item.k)).encode())

    @app.get("/items", dependencies=needs, responses={200: {"model": list[schema.Item]}})
    async def items(first: Annotated[int, Query(ge=0)] = 0, n: schema.K = 24) -> Response:
        """A stretch of the catalogue, in the order of the indices."""
        return _json(as_json(current.serving.run.items(first, n)).encode())

    @app.get("/picture/{item}", dependencies=needs, response_class=Response)
    async def picture(item: int) -> Response:
        """A small JPEG of the item of this index."""
        run = current.serving.run
        found = await asyncio.to_thread(run.picture, item) if 0 <= item < run.names.items.count else None
        if found is None:
            raise HTTPException(404, f"there is no picture of item {item}.")
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @app.get("/health", responses={200: {"model": schema.Served}})
    async def health() -> Response:
        """Which run is served."""
        return _json(as_json(current.serving.run.describe()).encode())

    @app.post("/reload", dependencies=needs, responses={200: {"model": schema.Served}})
    async def reload() -> Response:
        """Serve the newest run that --run means now; no request is dropped. Only where the service has a key."""
        if key is None:
            raise HTTPException(403, "a service without a key is reloaded by the signal SIGHUP alone.")
        answer = await current.reload()
        after_reload()
        return _json(as_json(answer).encode())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(calls_page(app.openapi()))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse(catalogue_page(), headers={"Content-Security-Policy": POLICY})

    return Gate(app, limits, key, hosts)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _decoded(image: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(422, f"image: is no base64 ({error}).") from error


def _require_image(image: bytes, pixels: int) -> None:
    try:
        check_image(image, pixels)
    except BrokenImageError as error:
        raise HTTPException(422, f"image: {error}.") from error


def _answer_faults(app: FastAPI) -> None:
    """Every fault is an object with the one text `error`."""

    async def said(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPError)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in error.errors()]
        return JSONResponse({"error": "; ".join(faults)}, 422)

    async def refused(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    async def unforeseen(_: Request, error: Exception) -> Response:  # it is raised again, and logged
        return JSONResponse({"error": "an error that nobody foresaw; the service's log has it."}, 500)

    app.add_exception_handler(HTTPError, said)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(UserError, refused)
    app.add_exception_handler(Exception, unforeseen)
