"""transformers' own `ModelTesterMixin` and `ConfigTester` on our classes, expanded and not, and on stock HuBERT.

What we override, and why:

- `test_inputs_embeds`, `test_resize_tokens_embeddings`, `test_model_get_set_embeddings`: HuBERT has no token
  embeddings; transformers skips them in its own HuBERT tests for the same reason.

The suite looks up the kind of a model by its class name, so our names are added to its tables.
"""

import unittest

import pytest
from transformers import HubertConfig, HubertForSequenceClassification, HubertModel
from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES, MODEL_MAPPING_NAMES

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification, ExHubertModel

from .transformers_suite import SuiteUnavailable, import_suite


try:
    import_suite()
except SuiteUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

from transformers_tests.test_configuration_common import ConfigTester
from transformers_tests.test_modeling_common import ModelTesterMixin, floats_tensor, random_attention_mask


MODEL_MAPPING_NAMES["exhubert"] = ExHubertModel.__name__
MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES["exhubert"] = ExHubertForSequenceClassification.__name__

LARGE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
BASE = {"do_stable_layer_norm": False, "feat_extract_norm": "group", "conv_bias": False}


class AudioModelTester:
    """Tiny configs and inputs, with the attributes that the suite reads."""

    batch_size = 3
    seq_length = 1024
    hidden_size = 16
    num_attention_heads = 2
    is_training = True

    def __init__(self, parent, config_class, num_copies, **architecture):
        self.parent = parent
        self.config_class = config_class
        self.architecture = architecture
        self.copies = num_copies
        self.depth = 1 if num_copies else 2
        # the suite expects as many attentions as layers: originals and copies
        self.num_hidden_layers = self.depth + sum(num_copies or [])
        self.expected_num_hidden_layers = self.depth + 1
        self.conv_kernel, self.conv_stride, self.conv_dim = (8, 8, 8), (4, 4, 4), (32, 32, 32)
        frames = self.seq_length
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            frames = (frames - kernel) // stride + 1
        self.output_seq_length = self.encoder_seq_length = frames

    def get_config(self):
        expansion = {"num_copies_per_layer": self.copies} if self.copies else {}
        return self.config_class(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.depth,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=20,
            conv_dim=self.conv_dim,
            conv_kernel=self.conv_kernel,
            conv_stride=self.conv_stride,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2,
            hidden_dropout=0.1,
            layerdrop=0.0,
            mask_time_prob=0.5,
            mask_time_length=2,
            classifier_proj_size=12,
            **expansion,
            **self.architecture,
        )

    def prepare_config_and_inputs_for_common(self):
        inputs = {
            "input_values": floats_tensor([self.batch_size, self.seq_length], scale=1.0),
            "attention_mask": random_attention_mask([self.batch_size, self.seq_length]),
        }
        return self.get_config(), inputs


class AudioModelSuite(ModelTesterMixin):
    config_class = ExHubertConfig
    all_model_classes = (ExHubertModel, ExHubertForSequenceClassification)
    architecture = LARGE
    num_copies = None
    test_resize_embeddings = False

    def setUp(self):
        self.model_tester = AudioModelTester(self, self.config_class, self.num_copies, **self.architecture)
        self.config_tester = ConfigTester(self, config_class=self.config_class, hidden_size=37)

    def test_config(self):
        self.config_tester.run_common_tests()

    @unittest.skip("an audio encoder has no input embeddings")
    def test_inputs_embeds(self):
        pass

    @unittest.skip("an audio encoder has no token embeddings")
    def test_resize_tokens_embeddings(self):
        pass

    @unittest.skip("an audio encoder has no input embeddings")
    def test_model_get_set_embeddings(self):
        pass


class TestExHubertLarge(AudioModelSuite, unittest.TestCase):
    pass


class TestExHubertLargeExpanded(AudioModelSuite, unittest.TestCase):
    num_copies = [1]


class TestExHubertBase(AudioModelSuite, unittest.TestCase):
    architecture = BASE


class TestExHubertBaseExpanded(AudioModelSuite, unittest.TestCase):
    architecture = BASE
    num_copies = [1]


class TestStockHubertLarge(AudioModelSuite, unittest.TestCase):
    """The reference: what the suite passes and skips here, ours has to pass and skip as well."""

    config_class = HubertConfig
    all_model_classes = (HubertModel, HubertForSequenceClassification)


class TestStockHubertBase(TestStockHubertLarge):
    architecture = BASE
