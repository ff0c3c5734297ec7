"""Where a name leads, what is said when it leads nowhere, and what a fingerprint tells apart."""

from pathlib import Path

import pytest
import torch
from torch import nn

from xret._errors import UserError
from xret.encoder.weights import fingerprint, reach_hub, resolve


def test_a_package_a_folder_and_a_hub_name_are_told_apart(tmp_path, monkeypatch):
    assert Path(resolve("pkg://torch/nn/init.py")) == Path(nn.init.__file__)
    assert Path(resolve("pkg://torch/nn")).is_dir()
    assert resolve(str(tmp_path)) == tmp_path.resolve()
    assert resolve("owner/name") == "owner/name"
    (tmp_path / "owner/name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve("owner/name") == (tmp_path / "owner/name").resolve()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/owner") == (tmp_path / "owner").resolve()


@pytest.mark.parametrize("path", ["/no/such/folder", "./folder", "~/no/such", "models/clip/mine"])
def test_a_path_that_leads_nowhere_is_not_taken_for_a_hub_name(path):
    with pytest.raises(UserError, match="there is nothing at"):
        resolve(path)


@pytest.mark.parametrize("name", ["pkg://no_such_package/model", "pkg://", "pkg://not-a-name/x"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(name):
    with pytest.raises(UserError, match=r"not installed: pip install 'xret\[demo\]'") as error:
        resolve(name)
    assert "\n" not in str(error.value)


def test_a_missing_package_is_spelt_as_pip_spells_it():
    with pytest.raises(UserError, match=r"pip install no-such-package$"):
        resolve("pkg://no_such_package/model")


def test_a_missing_file_in_a_package_is_named():
    with pytest.raises(UserError, match="'torch' is installed but holds no 'no/such'"):
        resolve("pkg://torch/no/such")


def test_a_hub_that_does_not_answer_is_one_line_that_says_what_to_do(monkeypatch):
    import huggingface_hub

    class Session:
        def head(self, url, timeout):
            raise ConnectionError("Name or service\nnot known")

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    with pytest.raises(UserError, match=r"'owner/name' could not be loaded .*give a local folder, or pkg://") as error:
        reach_hub("owner/name")
    assert "\n" not in str(error.value)


def test_equal_settings_and_weights_give_equal_fingerprints_in_whatever_order():
    layer = nn.Linear(2, 2)
    first = fingerprint({"a": 1, "b": [0.5]}, layer)
    assert first == fingerprint({"b": [0.5], "a": 1}, layer)
    assert len(first) == 64
    layer.eval()
    layer.requires_grad_(False)
    assert first == fingerprint({"a": 1, "b": [0.5]}, layer)


def test_fingerprint_sees_one_bit_of_every_tensor_its_name_type_and_shape():
    prints = {fingerprint({}, nn.Linear(2, 2, bias=False))}
    weight = torch.arange(4.0).reshape(2, 2)

    def of(tensor, name="weight", config=None):
        module = nn.Module()
        module.register_buffer(name, tensor)
        return fingerprint(config or {}, module)

    nudged = weight.clone()
    nudged[1, 1] = nudged[1, 1].nextafter(torch.tensor(9.0))
    prints = [
        of(weight),
        of(nudged),
        of(weight.T),
        of(weight.reshape(4)),
        of(weight.view(torch.int32)),
        of(weight.bfloat16()),
        of(weight, name="other"),
        of(weight, config={"a": 1}),
        of(weight, config={"a": 2}),
        of(torch.tensor(1.0)),
    ]
    assert len(set(prints)) == len(prints)
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    assert fingerprint({}, first, second) != fingerprint({}, second, first)
