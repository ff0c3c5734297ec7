"""What every option of the group must keep: it can be built, its defaults are shown, and its tasks fit together."""

import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
import yaml

from xret._errors import UserError
from xret.metric.evaluate import evaluate
from xret.protocol.karpathy import Karpathy

CONF = Path(__file__).parents[2] / "conf/protocol"
OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml"))


@pytest.fixture
def build(tmp_path, items):
    """Return a function: option -> protocol as configured, and a split of 1,000 or 5,000 images that suits it."""
    judgements = tmp_path / "judgements.tsv"
    judgements.write_text("".join(f"text{i}\timage{i // 5}\n" for i in range(5000)))

    def make(option):
        config = yaml.safe_load((CONF / f"{option}.yaml").read_text())
        module, name = config.pop("_target_").rsplit(".", 1)
        if config.get("path") == "???":
            config["path"] = str(judgements)
        images = config.get("images", 1000) * config.get("folds", 1)
        protocol = getattr(importlib.import_module(module), name)(**config)
        return protocol, config, items(text=np.repeat(np.arange(images), 5), image=np.arange(images))

    return make


def test_there_are_the_five_options():
    assert OPTIONS == ["coco_1k_5fold", "default", "karpathy_1k", "karpathy_5k", "qrels"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_argument_stands_in_the_option_with_its_default(build, option):
    protocol, config, _ = build(option)
    parameters = inspect.signature(type(protocol)).parameters if config else {}
    assert list(config) == list(parameters)
    if not isinstance(protocol, Karpathy):  # its options are presets, which differ from the defaults
        for name, parameter in parameters.items():
            assert parameter.default in (inspect.Parameter.empty, config[name])


@pytest.mark.parametrize("option", OPTIONS)
def test_tasks_fit_together_and_perfect_vectors_score_full_marks(build, option):
    protocol, _, split = build(option)
    tasks = protocol(split)
    assert {task.name for task in tasks} == {"text_to_image", "image_to_text"}
    for task in tasks:
        offsets, columns, gains = task.relevance
        assert len(task.queries) == len(task.groups) == len(offsets) - 1
        assert len(columns) == len(gains) == offsets[-1]
        assert (np.diff(offsets) > 0).all()
        assert columns.max() < len(task.targets)
        assert (split[task.query].groups[task.queries] == task.groups).all()
    image = np.random.default_rng(0).standard_normal((len(split["image"]), 16)).astype(np.float32)
    image /= np.linalg.norm(image, axis=1, keepdims=True)
    values = evaluate(tasks, {"image": image, "text": np.repeat(image, 5, axis=0)}, resamples=0).values
    assert values["text_to_image/recall_at_1"] == values["image_to_text/map"] == 1
    assert values["text_to_image/targets"] == (5000 if option == "karpathy_5k" else 1000)


@pytest.mark.parametrize("option", [option for option in OPTIONS if "karpathy" in option or "coco" in option])
def test_presets_refuse_a_split_of_another_size(build, option):
    protocol, _, split = build(option)
    short = {name: type(one)(name, one.refs[:-5], one.groups[:-5]) for name, one in split.items()}
    with pytest.raises(UserError, match="exactly"):
        protocol(short)
