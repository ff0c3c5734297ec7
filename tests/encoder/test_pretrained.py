"""Loading through the transformers library: what is asked of it, and what is said when it fails."""

import shutil
from pathlib import Path

import pytest
import torch
import transformers as hf

import xret.encoder.pretrained as pretrained
from xret._errors import UserError
from xret.encoder.pretrained import config_of, load_model, load_tokenizer


def test_weights_are_read_as_saved_and_always_in_float32(checkpoint, tmp_path):
    model = hf.AutoModel.from_pretrained(checkpoint("bert"))
    loaded = load_model(hf.AutoModel, checkpoint("bert"))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    model.half().save_pretrained(tmp_path)
    assert load_model(hf.AutoModel, str(tmp_path)).dtype == torch.float32


def test_nothing_is_printed(checkpoint, capfd):
    folder = checkpoint("clip")
    capfd.readouterr()  # what making it printed
    load_model(hf.AutoModel, folder)
    load_tokenizer(folder)
    assert capfd.readouterr() == ("", "")


def test_settings_without_the_place_and_the_version(checkpoint):
    settings = config_of(load_model(hf.AutoModel, checkpoint("bert")))
    assert settings["hidden_size"] == 16
    assert not {"_name_or_path", "transformers_version"} & set(settings)


def broken(checkpoint, tmp_path, what):
    folder = Path(shutil.copytree(checkpoint("bert"), tmp_path / "copy"))
    weights = folder / "model.safetensors"
    match what:
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:-100])
        case "absent":
            weights.unlink()
        case "no config":
            (folder / "config.json").unlink()
        case "garbled config":
            (folder / "config.json").write_text("{")
    return str(folder)


@pytest.mark.parametrize("what", ["truncated", "absent", "no config", "garbled config"])
def test_a_broken_folder_is_one_line(checkpoint, tmp_path, what):
    with pytest.raises(UserError, match="could not be loaded") as error:
        load_model(hf.AutoModel, broken(checkpoint, tmp_path, what))
    assert "\n" not in str(error.value)


def test_a_folder_without_tokeniser_is_one_line(tmp_path):
    with pytest.raises(UserError, match="could not be loaded") as error:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(error.value)


class Hub:
    """Stands in for a `transformers` class; holds nothing in its cache."""

    asked: list[bool]

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def from_pretrained(self, name, *, local_files_only, **options):
        """Answer as `transformers` does."""
        self.asked.append(local_files_only)
        if local_files_only or self.answer is None:
            raise OSError(f"{name} is not a\nvalid model identifier")
        return self.answer, {"missing_keys": []}


def test_the_hub_is_asked_only_when_it_answers_and_the_cache_has_nothing(monkeypatch):
    monkeypatch.setattr(pretrained, "reach_hub", lambda name: None)
    hub = Hub("a model")
    assert load_model(hub, "owner/name") == "a model"
    assert hub.asked == [True, False]

    def dead(name):
        raise UserError("no answer")

    monkeypatch.setattr(pretrained, "reach_hub", dead)
    hub = Hub("a model")
    with pytest.raises(UserError, match="no answer"):
        load_model(hub, "owner/name")
    assert hub.asked == [True]


def test_a_name_the_hub_does_not_know_is_one_line(monkeypatch):
    monkeypatch.setattr(pretrained, "reach_hub", lambda name: None)
    with pytest.raises(UserError, match=r"'owner/name' could not be loaded \(owner/name is not a valid model") as error:
        load_model(Hub(None), "owner/name")
    assert "\n" not in str(error.value)
