"""The application: addresses, what they take, and what they give."""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import TypeAdapter, ValidationError

from xret.serve.batching import Full
from xret.serve.bodies import (
    Answers,
    Facts,
    Health,
    IndexAbout,
    Limits,
    Problem,
    Reason,
    Search,
    Stored,
    Told,
    Where,
    Why,
    Word,
)
from xret.serve.desk import Desk
from xret.serve.engine import Engine, Refused
from xret.serve.feedback import Feedback, FeedbackFull
from xret.serve.gate import UPLOAD, Gate
from xret.serve.settings import Settings

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
_FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}

_where = TypeAdapter(Where)


def make_app(engines: Sequence[Engine], settings: Settings | None = None, feedback: Feedback | None = None) -> FastAPI:
    """Return the application.

    Args:
        engines: one, or two to be compared side by side; their names differ.
        settings: the bounds; None: the default ones.
        feedback: where verdicts go; None: they are refused, and the page has no buttons for them.

    Raises:
        ValueError: there is no engine, or two have one name.
    """
    desk = Desk(engines, settings or Settings(), feedback)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        desk.open()
        yield
        await asyncio.to_thread(desk.close)

    app = FastAPI(
        title="xret",
        description="Cross-modal search",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        responses={status: {"model": Problem} for status in (400, 401, 403, 408, 413, 415, 422, 429, 503)},
    )
    app.add_middleware(Gate, settings=desk.settings, busy=desk.busy)
    _add_errors(app)
    _add_page(app)
    _add_facts(app, desk)
    _add_search(app, desk)
    _add_items(app, desk)
    return app


def _add_errors(app: FastAPI) -> None:
    def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"detail": detail}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]  # without what came: it may be long, or no text at all
        where = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, f"{where}: {first['msg']}".removeprefix(": ").encode(errors="replace").decode())

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return problem(422, str(error).encode(errors="replace").decode())

    @app.exception_handler(Full)
    async def full(request: Request, error: Full) -> JSONResponse:
        return problem(503, "busy: as many queries wait as may wait", {"Retry-After": "1"})

    @app.exception_handler(FeedbackFull)
    async def unstored(request: Request, error: FeedbackFull) -> JSONResponse:
        log.error("%s", error)
        return problem(507, "no room for feedback")


def _add_page(app: FastAPI) -> None:
    def add(path: str, name: str) -> None:
        @app.get(path, include_in_schema=False)
        async def file() -> FileResponse:
            return FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})

    for path, name in _FILES.items():
        add(path, name)


def _add_facts(app: FastAPI, desk: Desk) -> None:
    bounds = desk.settings
    limits = Limits(k=bounds.max_k, query=bounds.max_query, upload_bytes=bounds.max_upload, pixels=bounds.max_pixels)

    @app.get("/health")
    async def health() -> Health:
        """Tell that the server is alive, and how much waits."""
        batchers = desk.batchers.values()
        return Health(status="ok", waiting=sum(b.waiting for b in batchers), answered=sum(b.answered for b in batchers))

    @app.get("/api/facts")
    async def facts() -> Facts:
        """Tell what can be searched, and within which bounds."""
        known = [IndexAbout.model_validate(e.about, from_attributes=True) for e in desk.engines.values()]
        return Facts(indices=known, limits=limits, feedback=desk.feedback is not None)


def _add_search(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/search")
    async def search(body: Search) -> Answers:
        """Find the items nearest to a text."""
        engine, text = desk.engine(body.index), desk.text(body.query)
        _needs(engine, "text")
        return await desk.answer(engine, text, body.k, body.filter, text)

    @app.post(UPLOAD)
    async def search_image(
        picture: UploadFile,
        k: Annotated[int, Form(ge=1)] = 10,
        filter: Annotated[str, Form(description="JSON, as in /api/search")] = "{}",
        index: Annotated[str, Form()] = "",
    ) -> Answers:
        """Find the items nearest to a picture: PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF."""
        engine = desk.engine(index)
        _needs(engine, "image")
        try:
            where = _where.validate_python(json.loads(filter), strict=True)
        except (ValueError, ValidationError, RecursionError):
            raise HTTPException(422, "filter must be JSON: names and their values") from None
        pixels = await desk.read(engine, picture)
        return await desk.answer(engine, pixels, k, where, "")


def _needs(engine: Engine, modality: str) -> None:
    if modality not in engine.about.queries:
        raise HTTPException(422, f"this index is asked with {' or '.join(engine.about.queries)}")


def _add_items(app: FastAPI, desk: Desk) -> None:
    longest = desk.settings.thumbnail_px

    @app.get(
        "/api/items/{number}/{position}/picture",
        responses={200: {"content": {"image/png": {}}}, 304: {"description": "not changed"}, 404: {"model": Problem}},
        response_class=Response,
    )
    async def picture(number: int, position: int, request: Request) -> Response:
        """Return the picture of an item, small: number of the index, and the item's place in it."""
        engines = list(desk.engines.values())
        if not 0 <= number < len(engines):
            raise HTTPException(404, f"there are {len(engines)} indices, counted from 0")
        engine = engines[number]
        place = desk.place(engine, position)
        tag = hashlib.sha256(f"{engine.about.version} {place} {longest}".encode()).hexdigest()[:32]
        headers = {"Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)

        def drawn() -> bytes:
            return desk.thumbnails.get((number, place), lambda: engine.picture(place, longest))

        try:
            return Response(await desk.in_thread(drawn), media_type="image/png", headers=headers)
        except Refused as error:
            raise HTTPException(404, str(error)) from None

    @app.post("/api/explain", responses={404: {"model": Problem}})
    async def explain(body: Why) -> Reason:
        """Tell why a text and the picture of an item are close."""
        engine, text = desk.engine(body.index), desk.text(body.query)
        place = desk.place(engine, body.item)
        if not engine.about.explains:
            raise HTTPException(422, "this index explains nothing: it needs pictures, and queries in words")
        found = await desk.explain(engine, text, place)
        address = "data:image/png;base64," + base64.b64encode(found.png).decode()
        return Reason(
            picture=address, words=[Word(word=w, weight=weight) for w, weight in found.words], score=found.score
        )

    @app.post("/api/feedback", responses={404: {"model": Problem}, 507: {"model": Problem}})
    async def feedback(body: Told) -> Stored:
        """Keep what somebody thinks of an answer, as a pair to train on."""
        engine, text = desk.engine(body.index), desk.text(body.query)
        place = desk.place(engine, body.item)
        pair = engine.pair(text, place)
        if desk.feedback is None or pair is None:
            raise HTTPException(422, "this index keeps no feedback")
        file = desk.feedback
        return Stored(id=await desk.in_thread(lambda: file.add(pair, body.verdict)))
