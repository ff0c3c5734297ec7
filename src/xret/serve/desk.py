"""The engines behind the addresses, and the threads that ask them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import HTTPException, UploadFile

from xret.serve.batching import Batcher, Full
from xret.serve.bodies import Answers, Ms, Result, Where
from xret.serve.engine import Ask, Engine, Explained
from xret.serve.feedback import Feedback
from xret.serve.pictures import Thumbnails
from xret.serve.settings import Settings

_EXPLANATIONS = 4  # that wait at most: each takes as long as many answers

_Done = TypeVar("_Done")


class Desk:
    """The engines, and the threads that ask them.

    Args:
        engines: one, or two that are compared.
        settings: the bounds.
        feedback: where verdicts go; None: nowhere, they are refused.
    """

    def __init__(self, engines: Sequence[Engine], settings: Settings, feedback: Feedback | None) -> None:
        if not engines:
            raise ValueError("a server needs at least one index")
        self.engines = {engine.about.name: engine for engine in engines}
        if len(self.engines) != len(engines):
            raise ValueError(f"indices must differ in name, got {', '.join(e.about.name for e in engines)}")
        self.settings = settings
        self.feedback = feedback
        self.thumbnails = Thumbnails(int(settings.thumbnails_mb * 1_000_000))
        self.batchers: dict[str, Batcher] = {}
        self.explaining = 0
        self._readers = ThreadPoolExecutor(settings.readers, "xret-reader")
        self._explainer = ThreadPoolExecutor(1, "xret-explainer")

    def open(self) -> None:
        """Start the threads."""
        bounds = self.settings
        for name, engine in self.engines.items():
            self.batchers[name] = Batcher(
                engine.answer, bounds.waiting, bounds.batch_size, bounds.window_ms, bounds.wait_ms
            )

    def close(self) -> None:
        """Answer what waits and end the threads."""
        for batcher in self.batchers.values():
            batcher.close()
        self._readers.shutdown()
        self._explainer.shutdown()

    def busy(self, path: str) -> bool:
        """Tell whether a request to a path can be refused before it is read."""
        if path == "/api/explain":
            return self.explaining >= _EXPLANATIONS
        return path.startswith("/api/search") and all(batcher.full for batcher in self.batchers.values())

    def engine(self, name: str) -> Engine:
        """Return the engine of a name, the first for ""."""
        if name and name not in self.engines:
            raise HTTPException(422, f"index must be one of {', '.join(self.engines)}")
        return self.engines[name or next(iter(self.engines))]

    async def answer(self, engine: Engine, value: Any, k: int, where: Where, shown: str) -> Answers:  # noqa: ANN401
        """Queue a query and wait for its answers."""
        if k > self.settings.max_k:
            raise HTTPException(422, f"k must be at most {self.settings.max_k}")
        chosen = {name: [values] if isinstance(values, str) else values for name, values in where.items()}
        engine.check(chosen)
        reply = self.batchers[engine.about.name].submit(Ask(value, k, chosen))
        found = await asyncio.wrap_future(reply)
        number = list(self.engines).index(engine.about.name)
        results = [
            Result(
                id=hit.id,
                score=hit.score,
                text=hit.text,
                item=hit.position,
                picture=f"/api/items/{number}/{hit.position}/picture" if hit.picture else None,
            )
            for hit in found.hits
        ]
        return Answers(query=shown, results=results, ms=Ms(**found.ms))

    async def read(self, engine: Engine, upload: UploadFile) -> Any:  # noqa: ANN401 - an array
        """Read a picture that was sent, as many at once as there are threads for it."""
        data = await upload.read()
        return await self.in_thread(lambda: engine.read(data, self.settings.max_pixels))

    async def in_thread(self, work: Callable[[], _Done]) -> _Done:
        """Do something that takes a while beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def explain(self, engine: Engine, text: str, position: int) -> Explained:
        """Explain a pair; one at a time, and few may wait."""
        if self.explaining >= _EXPLANATIONS:
            raise Full
        self.explaining += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._explainer, engine.explain, text, position)
        finally:
            self.explaining -= 1

    def text(self, query: str) -> str:
        """Return a query without blanks around it, or refuse it."""
        plain = query.strip()
        if not plain or "\0" in plain:
            raise HTTPException(422, "query must be a text")
        if len(plain) > self.settings.max_query:
            raise HTTPException(422, f"query must have at most {self.settings.max_query} characters")
        return plain

    def place(self, engine: Engine, position: int) -> int:
        """Return a place if the index has it."""
        if not 0 <= position < engine.about.items:
            raise HTTPException(404, f"the index has {engine.about.items} items, counted from 0")
        return position
