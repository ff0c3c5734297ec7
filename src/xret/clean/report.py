"""The report of a cleaning: one page that needs no other file, to be read and to confirm proposals on."""

import base64
import difflib
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence

from xret.clean.audit import Change, counts

_EXAMPLES = 8  # of each step and outcome
_PROPOSALS = 300
_LONGEST = 400  # characters of a text that are shown

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--del:#f8514933;--ins:#2ea04333}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap}
del{background:var(--del)}ins{background:var(--ins);text-decoration:none}
img{max-width:160px;max-height:160px;background:repeating-conic-gradient(#8883 0 25%,#0000 0 50%) 0 0/16px 16px}
small{opacity:.7}button{font:inherit;padding:.4rem .8rem}
"""
_SCRIPT = """
document.getElementById('save').onclick = () => {
  const all = JSON.parse(document.getElementById('proposals').textContent);
  const ticked = [...document.querySelectorAll('input[data-n]:checked')].map(box => all[box.dataset.n]);
  const text = ticked.map(one => JSON.stringify(one) + '\\n').join('');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'application/jsonl'}));
  link.download = 'accepted.jsonl';
  link.click();
};
"""


def page(
    title: str,
    facts: Mapping[str, object],
    changes: Sequence[Change],
    picture: Callable[[str], bytes | None],
    hint: str,
) -> str:
    """Return the page, HTML.

    Args:
        title: of the page.
        facts: name -> value, at the top.
        changes: the trail.
        picture: reference -> a small JPEG or PNG of it, None where there is none.
        hint: the command that a list of confirmed proposals goes to.
    """
    top = "".join(f"<tr><th>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in facts.items())
    steps = "".join(
        f"<tr><td>{_text(c.step)}</td><td>{_text(c.kind)}</td><td class=n>{c.changed}</td>"
        f"<td class=n>{c.left_out}</td><td class=n>{c.proposed}</td><td class=n>{c.failed}</td></tr>"
        for c in counts(changes)
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{_text(title)}</title><style>{_STYLE}</style><h1>{_text(title)}</h1><table>{top}</table>"
        f"<h2>Steps</h2><table id=steps><tr><th>step<th>works on<th class=n>rows changed<th class=n>left out"
        f"<th class=n>proposed<th class=n>failed</tr>{steps}</table>{_proposals(changes, picture, hint)}"
        f"{_examples(changes, picture)}</html>"
    )


def _examples(changes: Sequence[Change], picture: Callable[[str], bytes | None]) -> str:
    """Return a table for each step and outcome, with its first examples that differ."""
    kept: dict[tuple[str, str, str], dict[tuple[str, str | None], Change]] = {}
    for change in changes:
        if change.applied:
            some = kept.setdefault((change.kind, change.step, change.outcome), {})
            if len(some) < _EXAMPLES:
                some.setdefault((change.before, change.after), change)
    tables = []
    for (_, step, outcome), some in kept.items():
        rows = "".join(f"<tr>{_cells(c, picture)}</tr>" for c in some.values())
        tables.append(
            f"<h2>{_text(step)}: {outcome}</h2><table><tr><th>row<th>before<th>after<th>why</tr>{rows}</table>"
        )
    return "".join(tables)


def _proposals(changes: Sequence[Change], picture: Callable[[str], bytes | None], hint: str) -> str:
    """Return the proposals, each once, the most certain first."""
    first: dict[tuple[str, str, str | None], Change] = {}
    for change in changes:
        if change.outcome == "proposed":
            first.setdefault((change.step, change.before, change.after), change)
    if not first:
        return ""
    shown = sorted(first.values(), key=lambda change: -change.evidence)[:_PROPOSALS]
    rows = "".join(
        f"<tr><td><input type=checkbox data-n={n} aria-label=confirm></td>{_cells(change, picture)}"
        f"<td class=n>{change.evidence:.2f}</td></tr>"
        for n, change in enumerate(shown)
    )
    held = [{"step": c.step, "before": c.before, "after": c.after} for c in shown]
    data = json.dumps(held).replace("<", "\\u003c")
    return (
        f"<h2>Proposals: {len(first)}, {len(shown)} shown</h2><p>Tick what is right, save the list, and run "
        f"<code>{_text(hint)}</code></p><p><button id=save>save accepted.jsonl</button></p>"
        f"<table><tr><th><th>row<th>before<th>after<th>why<th class=n>evidence</tr>{rows}</table>"
        f"<script type=application/json id=proposals>{data}</script><script>{_SCRIPT}</script>"
    )


def _cells(change: Change, picture: Callable[[str], bytes | None]) -> str:
    if change.field == "image":
        before, after = _picture(change.before, picture), _picture(change.after, picture)
    else:
        before, after = _marked(change.before, change.after)
    return (
        f"<td>{_text(change.row)}</td><td>{before}</td><td>{after}</td><td><small>{_text(change.reason)}</small></td>"
    )


def _picture(ref: str | None, picture: Callable[[str], bytes | None]) -> str:
    if ref is None:
        return "<small>left out</small>"
    data = picture(ref)
    if data is None:
        return f"<small>{_text(ref)}</small>"
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"<img alt='{_text(ref)}' src='data:image/{kind};base64,{base64.b64encode(data).decode()}'>"


def _marked(before: str, after: str | None) -> tuple[str, str]:
    """Return both texts with what went and what came marked."""
    if after is None:
        return _text(before), "<small>left out</small>"
    old, new = (re.findall(r"\s+|\w+|\W", text[:_LONGEST]) for text in (before, after))
    left, right = [], []
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        gone, came = _text("".join(old[a:b])), _text("".join(new[c:d]))
        left.append(gone if tag == "equal" or not gone else f"<del>{gone}</del>")
        right.append(came if tag == "equal" or not came else f"<ins>{came}</ins>")
    return "".join(left), "".join(right)


def _text(value: object) -> str:
    shown = str(value).encode(errors="replace").decode()
    return html.escape(shown[:_LONGEST] + ("…" if len(shown) > _LONGEST else ""))
