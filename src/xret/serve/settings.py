"""What bounds the server."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Settings:
    """Bounds on what a client may send and on how much of it is done at once.

    Args:
        token: what ``Authorization: Bearer`` must hold; None: nothing is asked for.
        hosts: names that the ``Host`` header may hold beside localhost and addresses in digits.
        max_k: most answers to a query.
        max_query: most characters of a text.
        max_upload_mb: most megabytes of a picture.
        max_pixels: most pixels of a picture.
        waiting: queries and explanations that wait at most, each; further ones are refused at once.
        wait_ms: how long a query may have to wait, as far as can be foreseen, before it is refused instead.
        batch_size: queries encoded at once.
        window_ms: how long a query waits for company; 0: only for what is being encoded already.
        rate_per_s: requests per second and client in the long run; 0: no bound.
        burst: requests that a client may send at once.
        read_s: seconds within which a request must have come as a whole.
        connections: that are open at most.
        stop_s: seconds that answers may take when the server is told to stop.
        readers: threads that read pictures.
        thumbnail_px: longer side of the pictures shown.
        thumbnails_mb: memory for them.

    Raises:
        ValueError: a bound is below what makes sense.
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    max_k: int = 100
    max_query: int = 1000
    max_upload_mb: float = 10
    max_pixels: int = 25_000_000
    waiting: int = 64
    wait_ms: float = 250
    batch_size: int = 32
    window_ms: float = 0
    rate_per_s: float = 100
    burst: int = 200
    read_s: float = 10
    connections: int = 256
    stop_s: float = 10
    readers: int = 2
    thumbnail_px: int = 256
    thumbnails_mb: float = 64

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or " " in self.token):
            raise ValueError("token must have 8 characters or more, all ASCII and no spaces")
        may_be_zero = {"window_ms", "rate_per_s", "thumbnails_mb"}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in {"token", "hosts"}:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{field.name} must be a number, not below 0, got {value}")
            if value == 0 and field.name not in may_be_zero:
                raise ValueError(f"{field.name} must be above 0, got {value}")

    @property
    def max_upload(self) -> int:
        """Most bytes of a picture."""
        return int(self.max_upload_mb * 1_000_000)
