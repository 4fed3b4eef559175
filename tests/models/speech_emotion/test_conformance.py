"""transformers' own `ModelTesterMixin` and `ConfigTester` on a classifier over Wav2Vec2 and Whisper.

The suite looks up the kind of a model by its class name, so our name is added to its table.
"""

import unittest

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES

from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification

from ..exhubert.transformers_suite import SuiteUnavailable, import_suite
from .tiny_encoders import ENCODERS


try:
    import_suite()
except SuiteUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

from transformers_tests.test_configuration_common import ConfigTester
from transformers_tests.test_modeling_common import ModelTesterMixin, floats_tensor, random_attention_mask


MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES["speech_emotion"] = SpeechEmotionForSequenceClassification.__name__


class SpeechEmotionTester:
    """Tiny configs and inputs, with the attributes that the suite reads."""

    batch_size = 3
    hidden_size = 16
    num_hidden_layers = 2
    num_attention_heads = 2
    expected_num_hidden_layers = 3
    is_training = True

    def __init__(self, parent, encoder):
        self.parent = parent
        self.encoder = encoder
        # of the attentions: 1024 samples behind the tiny CNN, 30 positions of the tiny Whisper
        self.seq_length = self.encoder_seq_length = 30 if encoder == "whisper" else 12

    def get_config(self):
        fields = ENCODERS[self.encoder] | ({} if self.encoder == "whisper" else {"mask_time_length": 2})
        return SpeechEmotionConfig(
            encoder_config=fields,
            layer_selection="weighted",
            pooling="attentive_statistics",
            attention_pooling_size=4,
            gender_embedding_size=3,
            text_embedding_size=3,
            classifier_proj_size=6,
        )

    def prepare_config_and_inputs_for_common(self):
        if self.encoder == "whisper":
            return self.get_config(), {"input_features": floats_tensor([self.batch_size, 8, 60], scale=1.0)}
        inputs = {
            "input_values": floats_tensor([self.batch_size, 1024], scale=1.0),
            "attention_mask": random_attention_mask([self.batch_size, 1024]),
        }
        return self.get_config(), inputs


class SpeechEmotionSuite(ModelTesterMixin):
    all_model_classes = (SpeechEmotionForSequenceClassification,)
    test_resize_embeddings = False
    encoder = "wav2vec2-large"

    def setUp(self):
        self.model_tester = SpeechEmotionTester(self, self.encoder)
        self.config_tester = ConfigTester(
            self, config_class=SpeechEmotionConfig, has_text_modality=False, common_properties=[]
        )

    def test_config(self):
        self.config_tester.run_common_tests()

    @unittest.skip("the suite exempts the encoders' own classes, whose weights are the ones that it names")
    def test_can_init_all_missing_weights(self):
        pass

    @unittest.skip("the suite loads a bare encoder into the classifier: that is `from_encoder`, with its own config")
    def test_correct_missing_keys(self):
        pass

    @unittest.skip("`output_hidden_states` is a flag: all states or none")
    def test_can_capture_specific_layers_hidden_states(self):
        pass

    @unittest.skip("an audio encoder has no input embeddings")
    def test_inputs_embeds(self):
        pass

    @unittest.skip("an audio encoder has no token embeddings")
    def test_resize_tokens_embeddings(self):
        pass

    @unittest.skip("an audio encoder has no input embeddings")
    def test_model_get_set_embeddings(self):
        pass


class TestSpeechEmotionWav2Vec2(SpeechEmotionSuite, unittest.TestCase):
    pass


class TestSpeechEmotionWhisper(SpeechEmotionSuite, unittest.TestCase):
    encoder = "whisper"
