"""Do the label steps of clean=default put variants of a label together, and nothing else?

`python experiments/bench_clean_labels.py [seed ...]` draws 50 labels from real sets (folders of Tux Paint, colours of
Pillow, subgroups of Unicode's emoji), plants variants of each (case, number, slips, joints, synonyms of a table, width,
marks, the attribute's name), adds labels that look alike and are different things, and counts pairs of spellings that
end as one: precision = right ones of those joined, recall = joined ones of those planted. It ends with 1 on a miss.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from itertools import combinations

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import ImageColor

from xret.clean.apply import apply
from xret.commands._launch import shipped
from xret.data.tuxpaint import TuxPaint

PRECISION, RECALL = 0.95, 0.8
ATTRIBUTE = "kind"
SUBGROUPS = """face smiling; face hand; cat face; monkey face; heart; emotion; hand fingers open; hand single finger;
person gesture; person role; person fantasy; person activity; family; animal mammal; animal bird;
animal amphibian; animal reptile; animal marine; animal bug; plant flower; food fruit; food vegetable; food prepared;
food asian; food sweet; drink; dishware; place map; place geographic; place building; place religious; transport ground;
transport water; transport air; hotel; time; sky & weather; event; award medal; game; arts & crafts; clothing;
sound; music; musical instrument; phone; computer; light & video; book paper; money; mail; writing; office; lock;
science; medical; household; transport sign; warning; arrow; religion; zodiac; gender; math; punctuation; currency;
keycap; geometric; country flag; subdivision flag"""
ALIKE = """left; right; light; night; men; women; woman's; man's; male; female; size 38; size 39; size 3; 38 mm; 38
cm; red; bed; rod; glass; glasses; short; shorts; good; goods; wood; woods; arm; arms; latin; satin;
cotton; carton; cattle; kettle; silver; sliver; stripes; strips; linen; lining; lace; lice; desert;
dessert; angel; angle; bear; beard; boots; books; baseball; basketball; football; footwear; indoor;
outdoor; winter; water; tomato; potato; house; mouse; horse; hose; summer; hummer; model a; model b; type
1; type 2; 1980s; 1990s; iphone 12; iphone 13; t shirt; skirt; shirt; coat; goat; boat; collar; dollar;
marble; maple; purple; people; leather; feather; weather; flower; flour; planet; plane; plant; knit;
knot; floral; coral; plain; plaid; suede; suite; velvet; velour; navy; army; sleeved; sleeveless; lined;
unlined; crimson; scarlet; -5; 5; 1/2; 12; c; c#; 红色; 绿色; 棉; 麻; 长袖; 短袖""".replace("\n", " ")
TABLE = {
    "vintage": ["retro", "old school", "复古"],
    "floral": ["flowery", "flower print"],
    "sofa": ["couch", "settee"],
    "trousers": ["slacks"],
    "sneaker": ["trainer", "running shoe"],
}
MASS = set(ImageColor.colormap) | {"clothing", "music", "math", "punctuation", "currency", "money", "mail", "weather"}


def slip(rng: random.Random, label: str) -> str:
    """Return a label with one slip of a typist in one of its words of five letters or more."""
    words = list(re.finditer(r"[^\W\d_]{5,}", label))
    word = rng.choice(words)
    at = rng.randrange(word.start(), word.end())
    kind = rng.choice(["less", "more", "other", "swap", "twice"])
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    if kind == "swap":
        at = min(at, word.end() - 2)
        return label[:at] + label[at + 1] + label[at] + label[at + 2 :]
    new = {"less": "", "more": label[at] + letter, "other": letter, "twice": label[at] * 2}[kind]
    return label[:at] + new + label[at + 1 :]


def plural(label: str) -> str:
    """Return the plural of a label's last word, by the rules of school."""
    if label.endswith("y") and label[-2] not in "aeiou":
        return f"{label[:-1]}ies"
    return label + ("es" if label.endswith(("s", "x", "ch", "sh")) else "s")


def variants(rng: random.Random, label: str) -> dict[str, str]:
    """Return kind -> variant of a label, of all kinds that it can have."""
    found = {
        "case": rng.choice([label.upper(), label.title(), label.capitalize(), label.swapcase()]),
        "mark": rng.choice(["{}.", "{}!", '"{}"', "({})", " {} ", "{};", "“{}”", "- {}", "{} :"]).format(label),
        "width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in label),
        "name": f"{label} {ATTRIBUTE}",
    }
    if " " in label:
        found["joint"] = label.replace(" ", rng.choice(["-", "_", "  ", "\u2013", " - "]))
    if re.search(r"[^\W\d_]{5,}", label):
        found["slip"] = slip(rng, label)
        found["slip and case"] = slip(rng, label).upper()
    if label.isascii() and label[-1:].isalpha() and not label.endswith("s") and label not in MASS:
        found["number"] = plural(label)
    if label in TABLE:
        found["synonym"] = rng.choice(TABLE[label])
    return {kind: variant for kind, variant in found.items() if variant != label}


def planted(rng: random.Random) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Return all values, the label of each spelling, and the kind of each planted one."""
    folders = {part for row in TuxPaint(symbols=True).load().rows for part in row.attributes["folder"].split("/")}
    pool = sorted({*folders, *ImageColor.colormap, *(" ".join(s.split()) for s in SUBGROUPS.split(";"))} - {"asl"})
    pool = [label for label in pool if plural(label) not in pool]  # one thing in two numbers
    pool = [label for label in pool if "grey" not in label and not label.startswith("00")]
    alike = [label.strip() for label in ALIKE.split(";")]
    alike = [label for label in alike if plural(label) not in pool]
    labels = [*TABLE, *rng.sample([label for label in pool if label not in TABLE and label not in alike], 45)]
    truth = {label: label for label in {*alike, *pool}} | {label: label for label in labels}
    values: list[str] = []
    kinds: dict[str, str] = {}
    for label in labels:
        values += [label] * rng.randint(8, 80)
        for kind, variant in rng.sample(sorted((made := variants(rng, label)).items()), min(4, len(made))):
            if truth.setdefault(variant, label) == label:
                kinds[variant] = kind
                values += [variant] * rng.randint(1, 2)
    for label in {*alike, *pool} - set(labels):
        values += [label] * rng.choice([1, 2, 5, 20, 60])
    rng.shuffle(values)
    return values, truth, kinds


def ends(values: list[str]) -> dict[str, str]:
    """Return what the steps of the option default make of each value, each fitted on what those before it leave."""
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        overrides = ["+clean=default", "clean.text=null", "clean.image=null", "clean.pairs=null"]
        cfg = compose(overrides=overrides).clean
    cfg.labels.synonyms.table = TABLE
    now = {value: value for value in values}
    for name, step in instantiate(cfg).steps("labels").items():
        if hasattr(step, "fit"):
            step.fit((ATTRIBUTE, now[value]) for value in values)
        now = {value: apply({name: step}, before)[0] or "" for value, before in now.items()}
    return now


def score(seed: int, show: Callable[[str], None]) -> tuple[float, float, Counter[str], Counter[str]]:
    """Return precision, recall, and planted and joined variants by kind, of one drawing."""
    values, truth, kinds = planted(random.Random(seed))
    end = ends(values)
    joined = [pair for pair in combinations(sorted(end), 2) if end[pair[0]] == end[pair[1]]]
    right = [pair for pair in joined if truth[pair[0]] == truth[pair[1]]]
    wanted = [pair for pair in combinations(sorted(end), 2) if truth[pair[0]] == truth[pair[1]]]
    for a, b in sorted(set(joined) - set(right)):
        show(f"  wrong: {a!r} and {b!r} are {end[a]!r}")
    merged = Counter(kinds[v] for v in kinds if end[v] == end[truth[v]])
    for v in kinds:
        if end[v] != end[truth[v]]:
            show(f"  missed: {kinds[v]}: {v!r} is {end[v]!r}, {truth[v]!r} is {end[truth[v]]!r}")
    return len(right) / max(1, len(joined)), len(right) / len(wanted), Counter(kinds.values()), merged


def main() -> int:
    """Return the exit code."""
    seeds = [int(seed) for seed in sys.argv[1:]] or list(range(100, 110))
    planted_of, merged_of, missed = Counter[str](), Counter[str](), False
    for seed in seeds:
        precision, recall, kinds, merged = score(seed, print)
        planted_of, merged_of = planted_of + kinds, merged_of + merged
        missed |= precision < PRECISION or recall < RECALL
        print(f"seed {seed}: {sum(kinds.values())} variants, precision {precision:.3f}, recall {recall:.3f}")
    for kind, count in planted_of.most_common():
        print(f"{kind}: {merged_of[kind]} of {count}")
    print(f"wanted {PRECISION} and {RECALL}: {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
