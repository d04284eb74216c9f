"""Every layer against PyTorch 2.13.0: text, initial weights, outputs, gradients, errors.

The answers stand in `layer_goldens.jsonl`, written by `make_layer_goldens.py`.
"""

import json
import pathlib
import sys

import pytest

import rushlight as torch
from rushlight import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layer_cases

_LINES = pathlib.Path(__file__).with_name("layer_goldens.jsonl").read_text().splitlines()
ANSWERS = [json.loads(line) for line in _LINES]
NAMES = [
    f"{i}-{spec['name']}-{spec['args']}-{spec['kwargs']}"
    for i, spec in enumerate(layer_cases.CASES)
]


def close(found, expected):
    if not isinstance(expected, dict):
        if isinstance(expected, list | tuple):  # a name and a summary
            return found[0] == expected[0] and close(found[1], expected[1])
        return found is None and expected is None
    # float32 sums in another order; recurrent and normalising layers add a few roundings.
    return found["shape"] == expected["shape"] and found["values"] == pytest.approx(
        expected["values"], rel=2e-4, abs=2e-5, nan_ok=True
    )


def test_there_is_an_answer_for_every_case():
    assert len(ANSWERS) == len(layer_cases.CASES)


@pytest.mark.parametrize(
    ("spec", "answer"), list(zip(layer_cases.CASES, ANSWERS, strict=True)), ids=NAMES
)
def test_layer(spec, answer):
    found = layer_cases.run(torch, spec)
    assert found.get("error") == answer.get("error")
    assert found["warnings"] == answer["warnings"]
    assert found.get("repr") == answer.get("repr")
    # Initial weights are PyTorch's bit for bit.
    assert found.get("state") == answer.get("state")
    assert set(found) == set(answer)
    if "outputs" not in answer:
        return
    pairs = [
        *zip(found["outputs"], answer["outputs"], strict=True),
        *zip(found["gradients"], answer["gradients"], strict=True),
        *zip(found["buffers"].items(), answer["buffers"].items(), strict=True),
    ]
    for one, other in pairs:
        assert close(one, other)


def test_convolution_arguments_that_come_from_a_set():
    # PyTorch prints a set of names, in no certain order.
    with pytest.raises(ValueError, match="^Invalid padding string 'foo', should be one of {"):
        nn.Conv2d(4, 6, 3, padding="foo")
    with pytest.raises(ValueError, match="^padding_mode must be one of {"):
        nn.Conv2d(4, 6, 3, padding_mode="foo")


def test_transposed_convolution_with_a_given_size():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    x = torch.zeros(1, 1, 6, 6)
    assert layer(x, output_size=[14, 13]).shape == (1, 1, 14, 13)
    with pytest.raises(ValueError, match=r"^requested an output size of \[15, 13\], but valid"):
        layer(x, output_size=[15, 13])


def test_embedding_from_pretrained():
    layer = nn.Embedding.from_pretrained(torch.ones(4, 3))
    assert not layer.weight.requires_grad
    with pytest.raises(AssertionError, match="expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(torch.ones(4))
    with pytest.raises(AssertionError, match="^Shape of weight does not match"):
        nn.Embedding(5, 3, _weight=torch.ones(2, 3))


def test_max_unpool_inverts_max_pool():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    output, places = nn.MaxPool2d(2, return_indices=True)(x)
    assert nn.MaxUnpool2d(2)(output, places).tolist() == [[[[0.0, 0.0], [0.0, 4.0]]]]


def test_synchronised_batch_norms():
    net = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))
    assert type(net[0]) is nn.SyncBatchNorm
    assert net(torch.ones(3, 2)).shape == (3, 2)


def test_recurrent_layers_take_states_and_new_weights():
    layer = nn.LSTM(3, 4)
    zeros = torch.zeros(1, 2, 4)
    x = torch.ones(5, 2, 3)
    same, _ = layer(x, (zeros, zeros))
    assert same.tolist() == layer(x)[0].tolist()
    text = r"^Expected hidden\[1\] size \(1, 2, 4\), got \[1, 3, 4\]"
    with pytest.raises(RuntimeError, match=text):
        layer(x, (zeros, torch.zeros(1, 3, 4)))
    for name in layer._flat_weights_names:
        setattr(layer, name, nn.Parameter(getattr(layer, name).detach() * 0))
    assert layer(x)[0].abs().sum().item() == 0
