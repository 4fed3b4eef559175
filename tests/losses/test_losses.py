"""The registry, and rules that every loss keeps by existing."""

import ast
import inspect
import math
from pathlib import Path

import pytest
import torch
from torch import nn

import hf_emotion.losses
from hf_emotion.losses import LOSSES, label_kinds, list_losses, load_loss, loss_class


FOLDER = Path(hf_emotion.losses.__file__).parent
OPTIONS = {
    "class_balanced_cross_entropy": {"weights": [0.5, 1.0, 1.5]},
    "multi_task": {"losses": {"task": "soft_label_cross_entropy"}},
}
SIMPLE = sorted(set(LOSSES) - {"multi_task"})

LABELS = {
    "class_ids": torch.tensor([0, 2, 1, 2, 0]),
    "distributions": torch.tensor(
        [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]], dtype=torch.float64
    ),
    "binary": torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0]], dtype=torch.float64),
    "ratings": torch.tensor(
        [[1.0, 3.0, 2.0], [4.0, 2.5, 2.0], [5.0, 1.0, 3.5], [2.0, 4.0, 1.0], [3.0, 3.0, 5.0]], dtype=torch.float64
    ),
}
CASES = [(name, kind) for name in SIMPLE for kind in label_kinds(name)]


def build(name):
    return load_loss(name, **OPTIONS.get(name, {}))


def outputs(num_rows=5, dtype=torch.float64):
    values = torch.randn(num_rows, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


def without_labels(labels, rows):
    labels = labels.clone()
    labels[rows] = math.nan if labels.is_floating_point() else -100
    return labels


def _modules(path):
    """Names of the losses that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name.endswith("Loss")]


def test_registry_lists_exactly_the_files_that_define_a_loss():
    assert {path.stem: _modules(path) for path in FOLDER.glob("*.py") if _modules(path)} == {
        name: [class_name] for name, class_name in LOSSES.items()
    }
    assert list_losses() == sorted(LOSSES)


@pytest.mark.parametrize("name", list_losses())
def test_every_loss_documents_itself(name):
    documentation = inspect.getdoc(loss_class(name))
    for section in ("Args:", "Raises:", "Example:"):
        assert section in documentation
    parameters = inspect.signature(loss_class(name)).parameters
    assert all(f"{parameter} (`" in documentation for parameter in parameters)
    assert all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_gradients_are_those_of_the_value(name, kind):
    assert torch.autograd.gradcheck(lambda logits: build(name)(logits, LABELS[kind]), (outputs(),))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_gradients_are_those_of_the_value_with_missing_labels(name, kind):
    labels = without_labels(LABELS[kind], [1, 3])
    assert torch.autograd.gradcheck(lambda logits: build(name)(logits, labels), (outputs(),))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_utterances_without_a_label_change_nothing(name, kind):
    loss, logits = build(name), outputs()
    missing = loss(logits, without_labels(LABELS[kind], [0, 3]))
    kept = loss(logits[[1, 2, 4]], LABELS[kind][[1, 2, 4]])
    torch.testing.assert_close(missing, kept)
    (gradient,) = torch.autograd.grad(missing, logits)
    assert gradient.isfinite().all()
    assert (gradient[[0, 3]] == 0).all()
    assert (gradient[[1, 2, 4]] != 0).any()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_batch_without_labels_gives_zero_with_a_gradient_of_zero(name, kind):
    logits = outputs()
    loss = build(name)(logits, without_labels(LABELS[kind], range(5)))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_are_scored_in_float32(name, kind, dtype):
    logits = outputs(dtype=dtype)
    loss = build(name)(logits, LABELS[kind])
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, build(name)(logits.float(), LABELS[kind]))
    loss.backward()
    assert logits.grad.dtype == dtype


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] != "ratings"])
def test_the_mean_of_equal_batches_is_that_of_all_utterances(name, kind):
    """Why gradients may be accumulated, and averaged across processes."""
    loss, logits = build(name), outputs(4)
    labels = LABELS[kind][:4]
    halves = (loss(logits[:2], labels[:2]) + loss(logits[2:], labels[2:])) / 2
    torch.testing.assert_close(halves, loss(logits, labels))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_large_logits_stay_finite(name, kind):
    logits = (outputs().detach() * 1e4).requires_grad_()
    loss = build(name)(logits, LABELS[kind])
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


class TestRefusals:
    def test_an_unknown_loss_is_refused_with_a_suggestion(self):
        with pytest.raises(ValueError, match="no loss 'crossentropy'. Did you mean .*cross_entropy"):
            load_loss("crossentropy")
        with pytest.raises(ValueError, match="Choose one of class_balanced_cross_entropy"):
            load_loss("xyz")

    def test_an_unknown_option_is_refused_with_a_suggestion(self):
        with pytest.raises(ValueError, match="loss 'focal' has no option 'gama'. Did you mean 'gamma'"):
            load_loss("focal", gama=1)
        with pytest.raises(ValueError, match="no option 'alpha'. It has label_smoothing, smoothing"):
            load_loss("cross_entropy", alpha=1)

    def test_a_missing_option_is_asked_for(self):
        with pytest.raises(ValueError, match="'class_balanced_cross_entropy' needs the option 'weights'"):
            load_loss("class_balanced_cross_entropy")

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("cross_entropy", {"label_smoothing": 1.0}, "must be at least 0 and below 1"),
            ("kl_divergence", {"label_smoothing": -0.1}, "must be at least 0 and below 1"),
            ("soft_label_cross_entropy", {"smoothing": "usual"}, "Choose one of szegedy, emo_superb"),
            ("class_balanced_cross_entropy", {"weights": [1.0, 0.0]}, "must be a list of positive numbers"),
            ("class_balanced_cross_entropy", {"weights": [1.0, math.inf]}, "must be a list of positive numbers"),
            ("class_balanced_cross_entropy", {"weights": [1.0], "weighting": "item"}, "Choose one of sample, class"),
            ("focal", {"gamma": -1.0}, "gamma=-1.0 must be at least 0"),
            ("concordance_correlation_coefficient", {"epsilon": 0.0}, "must be positive"),
            ("multi_task", {"losses": {}}, "at least one task"),
            ("multi_task", {"losses": {"a": "focal"}, "weights": {"b": 1}}, "weight for 'b', but the tasks are a"),
            ("multi_task", {"losses": {"a": "focal"}, "weights": {"a": -1}}, "must be at least 0"),
            ("multi_task", {"losses": {"a": {"gamma": 1}}}, "a mapping with `name` and options"),
        ],
    )
    def test_options_out_of_range(self, name, options, message):
        with pytest.raises(ValueError, match=message):
            load_loss(name, **options)

    @pytest.mark.parametrize("name", SIMPLE)
    @pytest.mark.parametrize(
        "labels",
        [torch.zeros(4), torch.zeros(5, 2), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3, dtype=torch.int64)],
        ids=["floats", "two_classes", "four_rows", "integer_rows"],
    )
    def test_labels_that_do_not_fit_the_outputs(self, name, labels):
        with pytest.raises(ValueError, match=r"This loss takes .*but found \(5, 3\) float64 and "):
            build(name)(outputs(), labels)

    @pytest.mark.parametrize(("name", "kind"), [("cross_entropy", "distributions"), ("kl_divergence", "class_ids")])
    def test_labels_of_another_kind(self, name, kind):
        with pytest.raises(ValueError, match="This loss takes"):
            build(name)(outputs(), LABELS[kind])

    @pytest.mark.parametrize("label", [3, -1])
    def test_a_class_id_without_a_class(self, label):
        with pytest.raises(RuntimeError, match="Class values must be"):
            build("cross_entropy")(outputs(1), torch.tensor([label]))

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("class_balanced_cross_entropy", {"weights": [1.0, 1.0]}),
            ("focal", {"weights": [1.0, 1.0]}),
        ],
    )
    def test_weights_of_another_number_of_classes(self, name, options):
        with pytest.raises(ValueError, match="There are 2 class weights for 3 classes"):
            load_loss(name, **options)(outputs(), LABELS["class_ids"])


def test_losses_have_nothing_to_train():
    for name in list_losses():
        loss = build(name)
        assert isinstance(loss, nn.Module)
        assert not list(loss.parameters())
        assert not loss.state_dict()
