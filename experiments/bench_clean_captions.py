"""How many captions a second do the text steps of clean=default take on one core?

`python experiments/bench_clean_captions.py` prints the rate on the names of OpenMoji as they are and dirtied, the
median of five rounds of processor time. It ends with 1 where one is below 300.
"""

import statistics
import sys
import time

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from xret.clean.apply import apply
from xret.commands._launch import shipped
from xret.data.openmoji import OpenMoji

WANTED = 300  # captions a second


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
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
