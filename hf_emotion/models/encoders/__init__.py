"""Speech encoders that transformers does not have, with the parameter names of the checkpoints that S3PRL downloads.

Importing this package registers them with the auto classes of transformers. `from_s3prl` loads a checkpoint.

| S3PRL | model |
| --- | --- |
| `fbank` | [`FilterBankModel`], which has no checkpoint |
| `apc`, `vq_apc`, `npc` | [`ApcModel`], [`VqApcModel`], [`NpcModel`] |
| `mockingjay`, `tera` | [`MockingjayModel`]; TERA is `MockingjayConfig(num_hidden_layers=3)` |
| `decoar2` | [`Decoar2Model`] |
| `wav2vec`, `vq_wav2vec` | [`Wav2VecModel`], [`VqWav2VecModel`] |
| `modified_cpc` | [`ModifiedCpcModel`] |
| `pase_plus` | [`PasePlusModel`] |
"""

from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from .apc import ApcConfig, ApcModel, VqApcConfig, VqApcModel
from .decoar2 import Decoar2Config, Decoar2Model
from .filter_bank import FilterBankConfig, FilterBankModel
from .mockingjay import MockingjayConfig, MockingjayModel
from .modified_cpc import ModifiedCpcConfig, ModifiedCpcModel
from .npc import NpcConfig, NpcModel
from .pase_plus import PasePlusConfig, PasePlusModel
from .vq_wav2vec import VqWav2VecConfig, VqWav2VecModel
from .wav2vec import Wav2VecConfig, Wav2VecModel


# config class -> model class; one line for each encoder
_ENCODERS: dict[type[PreTrainedConfig], type[PreTrainedModel]] = {
    ApcConfig: ApcModel,
    Decoar2Config: Decoar2Model,
    FilterBankConfig: FilterBankModel,
    MockingjayConfig: MockingjayModel,
    ModifiedCpcConfig: ModifiedCpcModel,
    NpcConfig: NpcModel,
    PasePlusConfig: PasePlusModel,
    VqApcConfig: VqApcModel,
    VqWav2VecConfig: VqWav2VecModel,
    Wav2VecConfig: Wav2VecModel,
}

for _config_class, _model_class in _ENCODERS.items():
    AutoConfig.register(_config_class.model_type, _config_class, exist_ok=True)
    AutoModel.register(_config_class, _model_class, exist_ok=True)

__all__ = [
    "ApcConfig",
    "ApcModel",
    "Decoar2Config",
    "Decoar2Model",
    "FilterBankConfig",
    "FilterBankModel",
    "MockingjayConfig",
    "MockingjayModel",
    "ModifiedCpcConfig",
    "ModifiedCpcModel",
    "NpcConfig",
    "NpcModel",
    "PasePlusConfig",
    "PasePlusModel",
    "VqApcConfig",
    "VqApcModel",
    "VqWav2VecConfig",
    "VqWav2VecModel",
    "Wav2VecConfig",
    "Wav2VecModel",
]
