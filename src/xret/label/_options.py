"""The labels that a source may choose from."""

from xret._errors import UserError
from xret.label import Attributes, Rows
from xret.label.lexicon import shipped_labels


def options(rows: Rows, attributes: Attributes) -> dict[str, list[str]]:
    """Return the labels of each attribute: those allowed, else those that training rows have, else the shipped ones.

    Raises:
        UserError: there are none, or but one.
    """
    found = {}
    for name, allowed in attributes.items():
        there = zip(rows.known.get(name, ()), rows.training.tolist(), strict=False)
        labels = list(allowed or sorted({label for label, training in there if training and label}))
        found[name] = labels or shipped_labels(name)
        if len(set(found[name])) < 2:
            raise UserError(
                f"{name!r} needs two labels to choose from, it has {found[name]}; give attributes={{{name}: [...]}}"
            )
    return found
