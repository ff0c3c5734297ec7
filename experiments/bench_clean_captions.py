"""How many captions a second do the text steps of clean=default take on one core, and how does a long one grow?

`python experiments/bench_clean_captions.py` prints the rate on the names of OpenMoji as they are and dirtied, the
median of five rounds of processor time. It ends with 1 where one is below 300, or where four times the text takes a
step more than nine times as long: the work is to grow with the length, not with its square.
"""

import statistics
import sys
import time

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from xret.clean.apply import apply
from xret.clean.recipe import Step
from xret.commands._launch import shipped
from xret.data.openmoji import OpenMoji

WANTED = 300  # captions a second
GROWTH = 9  # of the time, where the text is four times as long
LONG = {  # up to 50,000 characters, the longest text that every step looks at
    "words": "red dress with flowers ",
    "one word": "a",
    "chinese": "红色连衣裙包邮",
    "tags": "<b <a href= &lt; <!-- ",
    "symbols": "!~★( ",
    "numbers": "only $9.99 +1 ",
    "hashtags": "#a ",
    "addresses": "a.b-c@",
}


def main() -> int:
    """Return the exit code."""
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        cfg = compose(overrides=["+clean=default", "clean.image=null"]).clean
    captions = list(dict.fromkeys(row.inputs["text"] for row in OpenMoji().load().rows))
    dirty = [f"<b>★ {caption}!!!</b> free shipping, only $9.99" for caption in captions]
    slow = False
    for name, texts in (("clean", captions), ("dirty", dirty)):
        steps = instantiate(cfg).steps("text")
        for step in steps.values():
            if hasattr(step, "fit"):
                step.fit(("", text) for text in texts)
        rates = []
        for _ in range(5):
            begin = time.process_time()
            for text in texts:
                apply(steps, text)
            rates.append(len(texts) / (time.process_time() - begin))
        rate = statistics.median(rates)
        slow |= rate < WANTED
        print(f"{name}: {rate:,.0f} captions/s of one core, wanted {WANTED}: {'met' if rate >= WANTED else 'missed'}")
    return int(slow | _grows(steps))


def _grows(steps: dict[str, Step]) -> bool:
    """Print the worst growth of each kind of long text; return whether one is above the bar."""
    over = False
    for name, piece in LONG.items():
        part = (piece * (12_499 // len(piece))).strip()
        text = " ".join([part] * 4) if " " in piece else part * 4
        growth = {s: _seconds(step, text) / max(_seconds(step, part), 1e-3) for s, step in steps.items()}
        worst = max(growth, key=growth.__getitem__)
        over |= growth[worst] > GROWTH
        print(f"{name}, four times as long: at most {growth[worst]:.1f} x the time ({worst}), wanted {GROWTH}")
    return over


def _seconds(step: Step, text: str) -> float:
    """The median processor time of five calls."""
    taken = []
    for _ in range(5):
        begin = time.process_time()
        step(text)
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
