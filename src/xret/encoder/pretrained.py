"""Models and tokenisers of the `transformers` library, from a folder, a package or the hub."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.image_processing_utils import BaseImageProcessor
from transformers.models.auto.auto_factory import _BaseAutoModelClass
from transformers.utils import logging

from xret._errors import UserError
from xret.encoder.weights import reach_hub, resolve, unavailable

UNREADABLE = (OSError, ValueError, RuntimeError, SafetensorError)
Loaded = TypeVar("Loaded")
Model = TypeVar("Model", bound=PreTrainedModel)


def load_model(kind: type[Model] | type[_BaseAutoModelClass], model: str, layers: int | None = None) -> Model:
    """Return a model in float32 with every weight read from its checkpoint.

    Args:
        kind: the class to load; `AutoModel` finds the class in the checkpoint.
        model: as in `xret.encoder.weights.resolve`.
        layers: only the first so many; None: all of them.

    Raises:
        UserError: nothing can be loaded, or the checkpoint lacks weights (poolers excepted: none is used).
    """

    def load(source: str | Path, local: bool) -> tuple[Model, dict[str, list[str]]]:
        options: dict[str, Any] = {"local_files_only": local, "dtype": torch.float32, "output_loading_info": True}
        if layers is not None:
            options["num_hidden_layers"] = layers
        return cast("tuple[Model, dict[str, list[str]]]", kind.from_pretrained(source, **options))

    network, info = _load(load, model)
    missing = sorted(key for key in info["missing_keys"] if "pooler." not in key)
    if missing:
        raise UserError(
            f"the checkpoint {model!r} lacks {len(missing)} weights of {type(network).__name__}, first {missing[0]!r}; "
            "give a checkpoint of that kind of model"
        )
    return network


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Return the tokeniser that lies beside a model.

    Raises:
        UserError: there is none.
    """

    def load(source: str | Path, local: bool) -> PreTrainedTokenizerBase:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, local_files_only=local)
        return found

    return _load(load, model)


def load_image_processor(model: str) -> BaseImageProcessor:
    """Return what turns pictures into the pixels of a model: its size, its range.

    Raises:
        UserError: there is none.
    """

    def load(source: str | Path, local: bool) -> BaseImageProcessor:
        kind: Any = AutoImageProcessor  # its method has no types
        found: BaseImageProcessor = kind.from_pretrained(source, local_files_only=local)
        return found

    return _load(load, model)


def config_of(network: PreTrainedModel) -> dict[str, object]:
    """Return the settings of a model that shape what it gives, for a fingerprint; not where it was read from."""
    told = network.config.to_diff_dict()
    aside = {"_name_or_path", "transformers_version", "architectures", "dtype", "id2label", "label2id"}
    return {key: value for key, value in told.items() if key not in aside}


def _load(load: Callable[[str | Path, bool], Loaded], model: str) -> Loaded:
    source = resolve(model)
    with _quiet():
        try:
            return load(source, True)
        except UNREADABLE as error:
            if not isinstance(source, str):
                raise unavailable(model, error) from error
        reach_hub(source)
        try:
            return load(source, False)
        except UNREADABLE as error:
            raise unavailable(model, error) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence load reports and bars: what is missing is checked here, what is left over is no matter."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    reports: Any = logging  # annotated in part only
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            reports.enable_progress_bar()
