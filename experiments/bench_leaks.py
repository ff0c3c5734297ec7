"""Does the leak guard find planted copies of real pictures, and nothing in pictures that are only alike?

`python experiments/bench_leaks.py [seed ...]` takes half of the drawings of OpenMoji and stamps of Tux Paint (the
half on which no planted copy was looked at while the limits were set; `calibrate` takes the other), plants changed
copies of 150 of each set by every kind of change, and prints how many are found and how many pictures of different
groups are said to be copies. It ends with 1 on a miss.
"""

import io
import random
import sys
import time
from collections import Counter

import numpy as np
from PIL import Image

from xret.clean.pairs._copies import copies, equals_and_near
from xret.clean.pairs.leaks import Leaks
from xret.data.manifest import Manifest, media_path
from xret.data.openmoji import OpenMoji
from xret.data.reading import BrokenMedia, read_image
from xret.data.tuxpaint import TuxPaint

PLANTED, BASE_PX, FALSE = 150, 192, 0.01
LEAST_PX = 48  # stamps with a shorter side are not planted: cut and compressed, a few pixels are left of them
BLANK = 1.0  # levels; what varies by less on white (a white stamp) shows nothing that could be told again
CHANGES = ("size", "jpeg", "crop", "flip", "crop size", "crop jpeg", "flip jpeg", "crop flip size jpeg")


def changed(picture: Image.Image, kinds: str, rng: random.Random) -> Image.Image:
    """Return a picture as others pass it on."""
    width, height = picture.size
    if "crop" in kinds:
        left, top, right, bottom = (rng.uniform(0.02, 0.05) * rng.choice([0, 1, 1, 1]) for _ in range(4))
        box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
        picture = picture.crop(box)
    if "flip" in kinds:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "size" in kinds:
        scale = rng.uniform(0.4, 1.5)
        way = rng.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), way)
    if "jpeg" in kinds:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=rng.randint(40, 90))
        picture = Image.open(file).convert("RGB")
    return picture


def thumbnail(picture: Image.Image) -> np.ndarray:
    """Return a picture as the guard sees it."""
    return np.asarray(picture.resize((64, 64), Image.Resampling.BICUBIC))


def originals(manifest: Manifest, half: int) -> tuple[list[Image.Image], list[int], list[str]]:
    """Return pictures of one half, their groups and their files; pixels as they are, of drawings at 192 px."""
    items, _ = manifest.items("image")
    pictures, groups, names = [], [], []
    for ref, group in list(zip(items.refs, items.groups.tolist(), strict=True))[half::2]:
        path = media_path(manifest.root, ref)
        try:
            if path.suffix == ".svg":
                drawn = Image.fromarray(read_image(path, "", BASE_PX, "squash").transpose(1, 2, 0))
            else:
                opened = Image.open(path).convert("RGBA")
                drawn = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened).convert("RGB")
                drawn.thumbnail((400, 400))
        except BrokenMedia:
            continue
        pictures.append(drawn)
        groups.append(group)
        names.append(ref)
    return pictures, groups, names


def main() -> int:
    """Return the exit code."""
    seeds = [int(seed) for seed in sys.argv[1:] if seed.isdigit()] or [11, 12]
    half, most, missed = 0 if "calibrate" in sys.argv else 1, Leaks().most, False
    for source in (OpenMoji(), TuxPaint()):
        manifest = source.load()
        pictures, groups, names = originals(manifest, half)
        whole = np.stack([thumbnail(picture) for picture in pictures])
        begin = time.process_time()
        wrong = [c for c in copies([whole], most) if groups[c.first] != groups[c.second]]
        seconds = time.process_time() - begin
        touched = {side: len({p for c in wrong if c.mirrored == side for p in c[:2]}) for side in (False, True)}
        share = touched[False] / len(whole)
        print(f"{manifest.name}: {len(whole)} pictures, {seconds:.1f} s of one core; alarms: {touched[False]} pictures")
        print(f"  ({share:.2%}), {touched[True]} in mirror images of another thing")
        for copy in [c for c in wrong if not c.mirrored]:
            print(f"  {names[copy.first]} and {names[copy.second]}: {copy.difference:.1f}")
        missed |= share > FALSE
        missed |= planted(pictures, names, whole, seeds, most)
    print("missed" if missed else "met")
    return int(missed)


def planted(pictures: list[Image.Image], names: list[str], whole: np.ndarray, seeds: list[int], most: float) -> bool:
    """Print how many copies are found of each kind; return whether one is not."""
    total, found = Counter[str](), Counter[str]()
    large = [i for i, p in enumerate(pictures) if min(p.size) >= LEAST_PX and whole[i].std((0, 1)).max() >= BLANK]
    for seed in seeds:
        rng = random.Random(seed)
        for kinds in CHANGES:
            chosen = rng.sample(large, PLANTED)
            made = np.stack([thumbnail(changed(pictures[i], kinds, rng)) for i in chosen])
            copied = copies([whole, made], most)
            root, _ = equals_and_near(copied)  # of equal pictures the first stands for all
            pairs = {(root.get(copy.first, copy.first), root.get(copy.second, copy.second)) for copy in copied}
            for number, i in enumerate(chosen):
                total[kinds] += 1
                one, other = root.get(i, i), root.get(len(whole) + number, len(whole) + number)
                hit = one == other or (one, other) in pairs or (other, one) in pairs
                found[kinds] += hit
                if not hit:
                    print(f"  not found: {names[i]} {pictures[i].size} {kinds}")
    print("  planted: " + ", ".join(f"{kinds} {found[kinds]} of {total[kinds]}" for kinds in CHANGES))
    return found != total


if __name__ == "__main__":
    sys.exit(main())
