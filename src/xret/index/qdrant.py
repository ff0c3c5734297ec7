"""A collection on a Qdrant server, for what outgrows one machine."""

import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xret._errors import UserError
from xret.index._places import Places
from xret.index.sampling import size

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

FILE = "qdrant.json"
_BATCH = 512  # vectors sent at once


class Qdrant:
    """Vectors in a collection of Qdrant; the index folder names it, and holds what was taken out.

    Points are numbered as they come, and never changed: a version of the index sees the first M of them, without those
    it has taken out, so older versions answer as before while newer ones are made. Nothing is removed from the server;
    a new build makes a new collection, and the old one is deleted by hand.

    Args:
        url: of the server. The key, where it wants one, is read from the environment: QDRANT_API_KEY.
        path: folder of a collection without a server, or ``:memory:``; for trying out. One process at a time.
        collection: its name; null: a new one.
        candidates: kept while searching (hnsw_ef).
        timeout_s: that an answer may take.

    Raises:
        ValueError: candidates or timeout_s is below 1.
    """

    def __init__(
        self,
        url: str = "http://localhost:6333",
        path: str | None = None,
        collection: str | None = None,
        candidates: int = 128,
        timeout_s: int = 60,
    ) -> None:
        if candidates < 1 or timeout_s < 1:
            raise ValueError(f"candidates and timeout_s must be at least 1, got {candidates} and {timeout_s}")
        self.url, self.path, self.candidates, self.timeout_s = url, path, candidates, timeout_s
        self.collection = collection or f"xret-{uuid.uuid4().hex}"
        self.places = Places()
        self._client: QdrantClient | None = None

    @property
    def client(self) -> "QdrantClient":
        """Return a connection.

        Raises:
            UserError: its package is missing.
        """
        if self._client is None:
            try:
                from qdrant_client import QdrantClient
            except ImportError as error:
                raise UserError("index=qdrant needs a package: pip install 'xret[qdrant]'") from error
            if self.path == ":memory:":
                self._client = QdrantClient(":memory:")
            elif self.path is not None:
                self._client = QdrantClient(path=self.path)
            else:
                key = os.environ.get("QDRANT_API_KEY")
                self._client = QdrantClient(
                    url=self.url, api_key=key, timeout=self.timeout_s, check_compatibility=False
                )
        return self._client

    def _ask(self, name: str, **arguments: object) -> Any:  # noqa: ANN401 - what the client answers
        """Call the client.

        Raises:
            UserError: the server cannot be reached, or refuses.
        """
        from httpx import HTTPError
        from qdrant_client.http.exceptions import ApiException

        where = self.path or self.url
        try:
            return getattr(self.client, name)(collection_name=self.collection, **arguments)
        except (ApiException, HTTPError, OSError) as error:
            raise UserError(f"Qdrant at {where}, collection {self.collection}: {error}") from error
        except RuntimeError as error:  # a local folder in use
            raise UserError(f"Qdrant at {where}: {error}") from error

    def build(self, shards: Iterable[np.ndarray], queries: np.ndarray | None = None) -> None:
        """Make the collection and send the vectors; see `xret.index`.

        Raises:
            UserError: it exists already, or the server cannot be reached.
        """
        from qdrant_client import models

        _, dim = size(shards)
        if self._ask("collection_exists"):
            raise UserError(f"the collection {self.collection} exists already; name another, or null for a new one")
        self._ask("create_collection", vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT))
        if self.path is None:
            self._ask("create_payload_index", field_name="place", field_schema=models.PayloadSchemaType.INTEGER)
        self.places = Places()
        self.add(shards)

    def add(self, shards: Iterable[np.ndarray]) -> None:
        """Send further vectors; versions that are there do not see them."""
        from qdrant_client import models

        for shard in shards:
            for begin in range(0, len(shard), _BATCH):
                vectors = np.asarray(shard[begin : begin + _BATCH], np.float32)
                first = len(self.places.gone)
                ids: list[Any] = list(range(first, first + len(vectors)))
                points = models.Batch(ids=ids, vectors=vectors.tolist(), payloads=[{"place": i} for i in ids])
                self._ask("upsert", points=points, wait=True)
                self.places.extend(len(vectors))

    def remove(self, positions: np.ndarray) -> None:
        """Let the vectors at these positions be no answers any more."""
        self.places.remove(positions)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (Q, K) int64 and scores (Q, K) float32; see `xret.index`."""
        from qdrant_client import models

        found = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        asked = [
            models.QueryRequest(
                query=query.tolist(),
                limit=k,
                filter=self._filter(allowed),
                params=None if self.path else models.SearchParams(hnsw_ef=max(self.candidates, k)),  # else it warns
            )
            for query in np.asarray(queries, np.float32)
        ]
        for row, answer in enumerate(self._ask("query_batch_points", requests=asked)):
            for column, point in enumerate(answer.points):
                found[row, column], scores[row, column] = point.id, point.score
        return self.places.outside(found), scores

    def _filter(self, allowed: np.ndarray | None) -> Any:  # noqa: ANN401 - a model of the client
        """Return the points of this version that may be answers."""
        from qdrant_client import models

        mine = models.FieldCondition(key="place", range=models.Range(lt=len(self.places.gone)))
        mask = self.places.held(allowed)
        if mask is None:
            return models.Filter(must=[mine])
        few = mask.sum() * 2 < len(mask)
        ids: list[Any] = np.flatnonzero(mask if few else ~mask).tolist()
        named = models.HasIdCondition(has_id=ids)
        return models.Filter(must=[named]) if few else models.Filter(must=[mine], must_not=[named])

    def save(self, folder: Path) -> None:
        """Write into a folder which collection it is, and what was taken out."""
        about = {"collection": self.collection, "held": len(self.places.gone)}
        (folder / FILE).write_text(json.dumps(about) + "\n")
        self.places.save(folder)

    def load(self, folder: Path) -> None:
        """Read it from there.

        Raises:
            UserError: a file is missing or broken, or the server lacks the collection.
        """
        try:
            about = json.loads((folder / FILE).read_text())
            self.collection, held = str(about["collection"]), int(about["held"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {folder / FILE}: {error}; build the index again") from error
        self.places = Places.load(folder, held)
        if not self._ask("collection_exists") or self._ask("count", exact=True).count < held:
            raise UserError(f"Qdrant at {self.path or self.url} lacks {held} points of {self.collection}; build again")

    def close(self) -> None:
        """End the connection; a local folder is free for another process then."""
        if self._client is not None:
            self._client.close()
            self._client = None
