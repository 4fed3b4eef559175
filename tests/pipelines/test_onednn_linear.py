"""Linear layers by oneDNN give what they always give."""

import pytest
import torch
from torch.nn.functional import linear

from hf_emotion.pipelines import onednn_linear
from hf_emotion.pipelines.onednn_linear import OneDnnLinear, fastest_linear, has_onednn_linear


needs_onednn = pytest.mark.skipif(not has_onednn_linear(), reason="this build of torch has no oneDNN")
CPU = torch.device("cpu")


@pytest.fixture
def computed(monkeypatch):
    """Shapes of the inputs that oneDNN was given."""
    shapes, compute = [], onednn_linear._linear
    monkeypatch.setattr(onednn_linear, "_linear", lambda *args: shapes.append(tuple(args[0].shape)) or compute(*args))
    return shapes


@needs_onednn
@pytest.mark.parametrize("shape", [(3, 5), (2, 7, 5), (1, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_results_are_the_same(shape, has_bias, computed):
    generator = torch.Generator().manual_seed(0)
    inputs, weight, bias = (torch.randn(size, generator=generator) for size in (shape, (4, 5), (4,)))
    arguments = (inputs, weight, bias if has_bias else None)
    with torch.no_grad(), OneDnnLinear():
        found = linear(*arguments)
    assert computed == [shape]
    torch.testing.assert_close(found, linear(*arguments), atol=1e-6, rtol=1e-6)


@needs_onednn
def test_inputs_that_are_no_block_of_memory_are_understood(computed):
    inputs, weight = torch.randn(5, 3).T, torch.randn(5, 4).T
    with torch.no_grad(), OneDnnLinear():
        found = linear(inputs, weight)
    assert computed == [(3, 5)]
    torch.testing.assert_close(found, inputs @ weight.T, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "weight"),
    [
        (torch.ones(5), torch.ones(4, 5)),
        (torch.ones(0, 5), torch.ones(4, 5)),
        (torch.ones(3, 5, dtype=torch.float64), torch.ones(4, 5, dtype=torch.float64)),
        (torch.ones(3, 5, dtype=torch.bfloat16), torch.ones(4, 5, dtype=torch.bfloat16)),
        (torch.ones(3, 5, device="meta"), torch.ones(4, 5, device="meta")),
    ],
)
def test_what_onednn_is_not_asked_for_is_computed_as_ever(inputs, weight, computed):
    with torch.no_grad(), OneDnnLinear():
        found = linear(inputs, weight)
    assert computed == []
    assert found.shape == (*inputs.shape[:-1], 4)


def test_gradients_are_kept(computed):
    layer = torch.nn.Linear(5, 4)
    with OneDnnLinear():
        layer(torch.ones(3, 5)).sum().backward()
    assert computed == []
    assert layer.weight.grad is not None


@needs_onednn
def test_only_models_that_gain_by_it_get_it(monkeypatch):
    model = torch.nn.Linear(5, 4)
    monkeypatch.setattr(onednn_linear, "mkl_avoids_avx512", lambda: True)
    assert isinstance(fastest_linear(CPU, model), OneDnnLinear)
    assert not isinstance(fastest_linear(torch.device("cuda"), model), OneDnnLinear)
    assert not isinstance(fastest_linear(CPU, torch.compile(model)), OneDnnLinear)
    monkeypatch.setattr(onednn_linear, "mkl_avoids_avx512", lambda: False)
    assert not isinstance(fastest_linear(CPU, model), OneDnnLinear)
