"""peft's own test helpers (`PeftCommonTester`) on an expanded ExHuBERT and on SpeechEmotion over WavLM.

They run with our `PeftModel`, which saves the whole head, put in the place of peft's. What differs, and why:

- `_test_save_pretrained` and its variants demand that the folder of an adapter has no `config.json`, no weights beside
  the adapter's, and a card that names a local folder as base model. Ours holds the config and the head on purpose, and
  no card names folders of a machine: these run with peft's own `PeftModel` on our classes.
- `_test_training_gradient_checkpointing` runs with `use_reentrant=False`: we refuse the other, which gives adapters in
  a frozen encoder no gradients.
- Left out, since they need token embeddings or `generate`: `_test_prepare_for_training`, `_test_generate*`,
  `_test_passing_input_embeds_works`, `_test_training_prompt_learning_tasks`, `_test_mixed_adapter_batches`,
  `_test_disable_adapter` (see `test_adapters.py` for one of our own). `_test_merge_layers_fp16`,
  `_test_lora_conversion` and `_test_peft_model_device_map`: half precision on a CPU, conversion between
  methods, several GPUs.
"""

import copy

import pytest
import torch

from hf_emotion import ExHubertForSequenceClassification
from hf_emotion.adapters.peft_model import model_with_whole_head
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from tests.models.exhubert.transformers_suite import SuiteUnavailable

from .peft_suite import import_suite
from .tiny_classifiers import inputs, make_classifier


peft = pytest.importorskip("peft")

try:
    suite = import_suite()
except SuiteUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)


QV = {"target_modules": ["q_proj", "v_proj"]}
# The options that peft's own tests of encoders use; weights that are no identity at first, where a test needs them.
CONFIGS = {
    "lora": (peft.LoraConfig, QV | {"r": 8, "lora_alpha": 32, "lora_dropout": 0.05}),
    "dora": (peft.LoraConfig, QV | {"r": 8, "lora_alpha": 32, "use_dora": True}),
    "ia3": (peft.IA3Config, QV | {"feedforward_modules": []}),
    "loha": (peft.LoHaConfig, QV | {"r": 2}),
    "oft": (peft.OFTConfig, QV | {"oft_block_size": 4}),
    "vera": (peft.VeraConfig, QV | {"r": 4}),
}
INIT_OPTION = {"lora": "init_lora_weights", "dora": "init_lora_weights", "ia3": "init_ia3_weights"}
NOT_AT_IDENTITY = {
    "_test_merge_layers",
    "_test_merge_layers_multi",
    "_test_merge_layers_nan",
    "_test_merge_layers_is_idempotent",
    "_test_safe_merge",
    "_test_unload_adapter",
}
HELPERS = [
    "_test_model_attr",
    "_test_adapter_name",
    "_test_load_model_low_cpu_mem_usage",
    "_test_from_pretrained_config_construction",
    "_test_load_multiple_adapters",
    "_test_merge_layers",
    "_test_merge_layers_multi",
    "_test_merge_layers_nan",
    "_test_merge_layers_is_idempotent",
    "_test_safe_merge",
    "_test_training",
    "_test_inference_safetensors",
    "_test_training_layer_indexing",
    "_test_training_gradient_checkpointing",
    "_test_delete_adapter",
    "_test_delete_inactive_adapter",
    "_test_delete_unknown_adapter_raises",
    "_test_unload_adapter",
    "_test_weighted_combination_of_adapters",
    "_test_adding_multiple_adapters_with_bias_raises",
    "_test_get_base_model_state_dict",
]
WITH_PEFT_ALONE = [
    "_test_save_pretrained",
    "_test_save_pretrained_selected_adapters",
    "_test_save_pretrained_adapter_name_substring",
]


class Tester(suite.PeftCommonTester):
    torch_device = "cpu"

    def __init__(self, kind):
        self.kind = kind
        self.transformers_class = {
            "exhubert": ExHubertForSequenceClassification,
            "speech_emotion-wavlm": SpeechEmotionForSequenceClassification,
        }[kind]

    def prepare_inputs_for_testing(self):
        return inputs(self.kind)


@pytest.fixture(scope="module", params=["exhubert", "speech_emotion-wavlm"])
def tester(request):
    return Tester(request.param)


@pytest.fixture(scope="module")
def model_id(tester, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = make_classifier(tester.kind, folder)
    # an attention and a head that adapters can move: the helpers compare logits with tolerances
    parts = ("out_proj.weight", "projector", "classifier.weight", "pooling.score", "projection.weight")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and any(part in name for part in parts):
                weight.normal_(std=0.3)
    if hasattr(model.config, "head_dropout"):
        model.config.head_dropout = 0.0  # a hidden layer of a few units may be dropped as a whole
    model.save_pretrained(folder / "classifier")
    return str(folder / "classifier")


@pytest.fixture
def with_whole_head(monkeypatch):
    our_model = model_with_whole_head()
    monkeypatch.setattr(suite, "PeftModel", our_model)
    monkeypatch.setattr(suite, "get_peft_model", our_model)


def run(tester, helper, model_id, method):
    config_class, options = CONFIGS[method]
    options = copy.deepcopy(options)
    if helper in NOT_AT_IDENTITY:
        options[INIT_OPTION.get(method, "init_weights")] = False
    torch.manual_seed(0)
    further = {"use_reentrant": False} if helper == "_test_training_gradient_checkpointing" else {}
    getattr(tester, helper)(model_id, config_class, options, **further)


@pytest.mark.parametrize("method", CONFIGS)
@pytest.mark.parametrize("helper", HELPERS)
@pytest.mark.usefixtures("with_whole_head")
def test_with_our_peft_model(tester, model_id, helper, method):
    run(tester, helper, model_id, method)


@pytest.mark.parametrize("method", CONFIGS)
@pytest.mark.parametrize("helper", WITH_PEFT_ALONE)
def test_with_peft_alone(tester, model_id, helper, method):
    run(tester, helper, model_id, method)
