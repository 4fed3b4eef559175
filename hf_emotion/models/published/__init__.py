"""Layouts of published models for speech emotion, recognised by their keys and converted strictly."""

from .audeering import AudeeringAgeGender, AudeeringDimensions
from .ehcalabres import Ehcalabres
from .exhubert import ExHubertLayout
from .layout import Checkpoint, ConvertedModel, Layout
from .odyssey import OdysseyBaseline
from .s3prl_head import S3prlHead
from .soxan import Soxan
from .stock import StockLayout
from .vox_profile import VoxProfileWavLM, VoxProfileWhisper


# In the order of trying: the first that fits is taken.
LAYOUTS: tuple[Layout, ...] = (
    ExHubertLayout(),
    StockLayout(),
    S3prlHead(),
    AudeeringDimensions(),  # a soxan head as well, of which its config says more
    Soxan(),
    AudeeringAgeGender(),
    OdysseyBaseline(),
    VoxProfileWavLM(),
    VoxProfileWhisper(),
    Ehcalabres(),
)

__all__ = ["LAYOUTS", "Checkpoint", "ConvertedModel", "Layout"]
