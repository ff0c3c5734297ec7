"""What requests and responses hold."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from xret.serve.feedback import Verdict

Where = dict[str, str | list[str]]
Place = Annotated[int, Field(ge=0, description="place of an item in the index, `item` of a result")]
Name = Annotated[str, Field(description="which index; by default the first")]
Text = Annotated[str, Field(min_length=1)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Search(_Request):
    """A query in words."""

    query: Text
    k: Annotated[int, Field(ge=1, description="how many items")] = 10
    filter: Annotated[Where, Field(description="name -> values, of which an item must have one")] = {}
    index: Name = ""


class Why(_Request):
    """A text and an item."""

    query: Text
    item: Place
    index: Name = ""


class Told(Why):
    """What somebody thinks of an answer."""

    verdict: Verdict


class Result(BaseModel):
    """One of the nearest items."""

    id: str
    score: float
    text: str
    item: int
    picture: Annotated[str | None, Field(description="address of its picture")]


class Ms(BaseModel):
    """Milliseconds: of the batch that the query was in, and in `total` with what it waited."""

    wait: float
    encode: float
    search: float
    rerank: float
    total: float


class Answers(BaseModel):
    """The nearest items, best first."""

    query: str
    results: list[Result]
    ms: Ms


class Word(BaseModel):
    """A word of the query; negative: it is in the way."""

    word: str
    weight: float


class Reason(BaseModel):
    """Why a text and a picture are close."""

    picture: Annotated[str, Field(description="PNG as a data address: the picture with its heat")]
    words: list[Word]
    score: float


class Stored(BaseModel):
    """The pair is on disk."""

    id: str


class IndexAbout(BaseModel):
    """What an index holds."""

    name: str
    items: int
    target: str
    data: str
    queries: list[str]
    filters: dict[str, list[str]]
    explains: bool


class Limits(BaseModel):
    """What may be asked for."""

    k: int
    query: int
    upload_bytes: int
    pixels: int


class Facts(BaseModel):
    """What the page needs to know first."""

    indices: list[IndexAbout]
    limits: Limits
    feedback: bool


class Health(BaseModel):
    """The server is alive."""

    status: str
    waiting: int
    answered: int


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str
