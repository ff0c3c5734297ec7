"""Copies: pictures that are one picture, resized, compressed, cropped by a little or mirrored."""

import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

import faiss
import numpy as np

from xret.clean.pairs import THUMBNAIL_PX, Pairs
from xret.clean.pairs._alignment import Floats, as_it_is, by_profile, by_search, difference, refined, sampling, soft

_TO_LUMA = np.array([[0.299, -0.169, 0.5], [0.587, -0.331, -0.419], [0.114, 0.5, -0.081]], np.float32)
_SHAPE = (THUMBNAIL_PX, THUMBNAIL_PX, 3)
_VIEWS = (1.0, 0.95, 0.89)  # share of the side that is looked at
_NEIGHBOURS = 6
_FAR = 34**2 * 64  # squared distance of descriptors beyond which no copy was seen: 34 levels at each of 8 x 8 points
_BLANK = 1.0  # levels: what varies by less shows nothing that could be told again
_MANY = 20_000  # pictures; with more, neighbours are searched in cells
_CHUNK = 128
_WIDTH = 192  # of a descriptor
_UNLIKE = 16.0, 18.5  # levels left over after a few steps at 16 and at 32 px, beyond both of which no copy was seen
_UNLIKE_STILL = 17.0  # the same after six steps of refinement
_DOUBTFUL = 7.0  # times the largest difference of copies: what is so far off is not looked at again
_NEAR = 60.0  # levels of difference beyond which the full size brings no copy to light


class Copy(NamedTuple):
    """Two of N pictures that are one.

    Attributes:
        first: position of the one.
        second: position of the other, greater than `first`.
        difference: what blocks of 4 x 4 px differ by, laid over each other; see `_alignment.difference`.
        mirrored: the second one is mirrored.
    """

    first: int
    second: int
    difference: float
    mirrored: bool


def copies(blocks: Iterable[np.ndarray], most: float) -> list[Copy]:
    """Return the copies among N pictures; of equal ones only that each is a copy of the first of them.

    Descriptors of 8 x 8 points in luma and chroma, of cut-outs and mirrored ones too, give each picture's nearest
    neighbours; these are laid over each other at 64 px and compared block by block. Pictures of a single colour have no
    copies.

    Args:
        blocks: of (B, 64, 64, 3) uint8 pictures; they are kept in a file that has no name, 12 kB each.
        most: the largest difference that copies have, in levels of 255.
    """
    with tempfile.TemporaryFile() as file:
        spool = _Spool(file, blocks)
        found = [Copy(first, second, 0.0, False) for first, second in spool.equals]
        likely = list(_candidates(spool))
        chunks = [likely[i : i + _CHUNK] for i in range(0, len(likely), _CHUNK)]
        with ThreadPoolExecutor(os.cpu_count()) as pool_of_threads:
            for part in pool_of_threads.map(lambda chunk: _verified(spool, chunk, most), chunks):
                found += part
    best: dict[tuple[int, int], Copy] = {}
    for copy in sorted(found, key=lambda copy: (copy.difference, copy.mirrored)):  # a symmetric one is not mirrored
        best.setdefault((copy.first, copy.second), copy)
    return sorted(best.values())


def copies_in(data: Pairs, most: float) -> list[Copy]:
    """Return the copies among the pictures of some pairs; steps that agree about ``most`` look for them once."""
    if most not in data.known:
        data.known[most] = copies(data.thumbnails(), most)
    found: list[Copy] = data.known[most]
    return found


def equals_and_near(found: list[Copy]) -> tuple[dict[int, int], dict[int, list[tuple[int, Copy]]]]:
    """Return picture -> the first that is equal to it, and of those first ones -> their copies that are not equal."""
    root = {copy.second: copy.first for copy in found if copy.difference == 0 and not copy.mirrored}
    near: dict[int, list[tuple[int, Copy]]] = {}
    for copy in found:
        one, other = root.get(copy.first, copy.first), root.get(copy.second, copy.second)
        if one != other:
            near.setdefault(one, []).append((other, copy))
            near.setdefault(other, []).append((one, copy))
    return root, near


class _Spool:
    """Pictures in a file: `positions` of those that differ, and pairs of `equals`."""

    def __init__(self, file: IO[bytes], blocks: Iterable[np.ndarray]) -> None:
        self._file = file
        self.equals: list[tuple[int, int]] = []
        first: dict[bytes, int] = {}
        position = 0
        for block in blocks:
            if block.shape[1:] != _SHAPE or block.dtype != np.uint8:
                raise ValueError(f"thumbnails must be (B, {_SHAPE}) uint8, got {block.shape} {block.dtype}")
            for picture in block:
                data = picture.tobytes()
                self._file.write(data)
                if picture.std((0, 1)).max() >= _BLANK:
                    known = first.setdefault(hashlib.blake2b(data, digest_size=16).digest(), position)
                    if known != position:
                        self.equals.append((known, position))
                position += 1
        self._file.flush()
        self.positions = np.array(list(first.values()), np.int64)

    def take(self, positions: Iterable[int]) -> Floats:
        """Return pictures (P, 64, 64, 3) in luma and chroma."""
        size = THUMBNAIL_PX * THUMBNAIL_PX * 3
        data = b"".join(os.pread(self._file.fileno(), size, int(position) * size) for position in positions)
        return np.frombuffer(data, np.uint8).reshape(-1, *_SHAPE).astype(np.float32) @ _TO_LUMA


def _candidates(spool: _Spool) -> Iterator[tuple[int, int, bool]]:
    """Yield (first, second, mirrored) of pictures that may be copies of each other, each once."""
    count, found = len(spool.positions), set()
    if count < 2:
        return
    blocks = [spool.positions[i : i + 1024] for i in range(0, count, 1024)]
    index: Any = faiss.IndexFlatL2(_WIDTH)
    if count > _MANY:
        index = faiss.IndexIVFFlat(index, _WIDTH, 4 * int(count**0.5))
        index.nprobe = 16
        sample = np.random.default_rng(0).permutation(count)[:50_000]
        index.train(np.concatenate([_descriptors(spool.take(spool.positions[sample[i : i + 1024]]))
                                    for i in range(0, len(sample), 1024)]))  # fmt: skip
    for block in blocks:
        index.add(_descriptors(spool.take(block)))
    for number, block in enumerate(blocks):
        pictures = spool.take(block)
        for mirrored, share in itertools.product((False, True), _VIEWS):
            seen = _descriptors(pictures[:, :, ::-1] if mirrored else pictures, share)
            far, near = index.search(seen, min(count, _NEIGHBOURS + 1))
            for i, k in zip(*np.nonzero((far < _FAR) & (near >= 0)), strict=True):
                one, other = sorted((number * 1024 + int(i), int(near[i, k])))
                if one != other and (one, other, mirrored) not in found:
                    found.add((one, other, mirrored))
                    yield int(spool.positions[one]), int(spool.positions[other]), mirrored


def _descriptors(pictures: Floats, share: float = 1.0) -> Floats:
    """Return (P, 192): the means of 8 x 8 fields of the middle of pictures."""
    lines, _ = sampling(THUMBNAIL_PX, np.array([share], np.float32), np.zeros(1, np.float32))
    fields = lines[0].reshape(8, -1, THUMBNAIL_PX).mean(1)  # (8, 64)
    rows = np.tensordot(fields, pictures, (1, 1))  # (8, P, 64, 3)
    return np.ascontiguousarray(np.tensordot(rows, fields, (2, 1)).transpose(1, 0, 3, 2).reshape(len(pictures), -1))


def _verified(spool: _Spool, chunk: list[tuple[int, int, bool]], most: float) -> list[Copy]:
    """Return those of a few candidates that are copies."""
    turned = np.array([mirrored for *_, mirrored in chunk])
    a, b = spool.take(first for first, *_ in chunk), spool.take(second for _, second, _ in chunk)
    b[turned] = b[turned, :, ::-1]
    rest = difference(a, b, as_it_is(len(chunk)), 4)
    for one, other in ((a, b), (b, a)):  # a cut-out is found best in the picture that it was cut from
        left = np.flatnonzero(rest >= most)
        rest[left] = np.minimum(rest[left], _difference(one[left], other[left], most))
    return [Copy(*chunk[i][:2], float(rest[i]), chunk[i][2]) for i in np.flatnonzero(rest < most)]


def _difference(a: Floats, b: Floats, most: float) -> Floats:
    """Return the difference where second pictures lie best over the first, infinite where that is clearly nowhere."""
    rest = np.full(len(a), np.inf, np.float32)
    a32, b32 = soft(a, 2), soft(b, 2)
    at = by_profile(a32, b32)
    coarse, fine = refined(soft(a, 4), soft(b, 4), at, 3)[1], refined(a32, b32, at, 1)[1]
    left = np.flatnonzero((coarse < _UNLIKE[0]) | (fine < _UNLIKE[1]))
    at, error = refined(a32[left], b32[left], at[left], 6)
    rest[left] = difference(a[left], b[left], at, 4)
    left = left[(rest[left] >= most) & (rest[left] < _DOUBTFUL * most) & (error < _UNLIKE_STILL)]
    rest[left] = np.minimum(rest[left], _least(a[left], b[left]))
    return rest


def _least(a: Floats, b: Floats) -> Floats:
    """Return the least difference over several ways of laying pictures over each other."""
    a32, b32 = soft(a, 2), soft(b, 2)
    tries = [refined(a32, b32, start, 6) for start in (by_profile(a32, b32), by_search(a32, b32), as_it_is(len(a)))]
    best = np.argmin([error for _, error in tries], 0)
    at = np.stack([found for found, _ in tries])[best, np.arange(len(a))]
    rest = difference(a, b, at, 4)
    near = np.flatnonzero(rest < _NEAR)
    fine, _ = refined(soft(a[near]), soft(b[near]), at[near], 4)
    rest[near] = np.minimum(rest[near], difference(a[near], b[near], fine, 4))
    return rest
