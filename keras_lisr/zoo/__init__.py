"""The networks of the paper as functional Keras models, and the presets: trained weights that come with the package."""

from keras_lisr.basics.preset_index import DEFAULT_PRESET, presets
from keras_lisr.zoo.carn import carn
from keras_lisr.zoo.edsr_baseline import edsr_baseline
from keras_lisr.zoo.fsrcnn import fsrcnn
from keras_lisr.zoo.hub import push_to_hub
from keras_lisr.zoo.idn import idn
from keras_lisr.zoo.imdn import imdn
from keras_lisr.zoo.memnet import memnet
from keras_lisr.zoo.network import SuperResolutionModel
from keras_lisr.zoo.rcan import rcan
from keras_lisr.zoo.shallow_edsr import shallow_edsr
from keras_lisr.zoo.smfanet import smfanet
from keras_lisr.zoo.storage import from_preset, load_model, save_preset
from keras_lisr.zoo.transplant import transplant

__all__ = [
    "DEFAULT_PRESET",
    "SuperResolutionModel",
    "carn",
    "edsr_baseline",
    "from_preset",
    "fsrcnn",
    "idn",
    "imdn",
    "load_model",
    "memnet",
    "presets",
    "push_to_hub",
    "rcan",
    "save_preset",
    "shallow_edsr",
    "smfanet",
    "transplant",
]
