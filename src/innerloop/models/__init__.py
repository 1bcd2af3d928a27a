"""Backbones, and the one place where a Module becomes (init, apply)."""

from innerloop.models.adapters import with_adapters
from innerloop.models.conv4 import conv4
from innerloop.models.encoder import Encoder
from innerloop.models.lora import lora
from innerloop.models.mlp import mlp
from innerloop.models.named import model_spec, named
from innerloop.models.network import Network
from innerloop.models.recurrent import recurrent
from innerloop.models.resnet6 import resnet6
from innerloop.models.resnet12 import resnet12
from innerloop.models.reweighted import reweighted
from innerloop.models.sentences import sentences
from innerloop.models.transformer import transformer

IMAGE_MODELS = {"conv4": conv4, "resnet6": resnet6, "resnet12": resnet12}
SEQUENCE_MODELS = {"transformer": transformer, "recurrent": recurrent}
ROW_MODELS = {"mlp": mlp, "reweighted": reweighted}
MODELS = {**ROW_MODELS, "sentences": sentences, **IMAGE_MODELS, **SEQUENCE_MODELS}

__all__ = [
    "lora",
    "IMAGE_MODELS",
    "MODELS",
    "SEQUENCE_MODELS",
    "Encoder",
    "Network",
    "ROW_MODELS",
    "model_spec",
    "named",
    "with_adapters",
    *MODELS,
]
