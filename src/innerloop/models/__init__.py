"""Backbones, and the one place where a Module becomes (init, apply)."""

from innerloop.models.conv4 import conv4
from innerloop.models.encoder import Encoder
from innerloop.models.mlp import mlp
from innerloop.models.named import model_spec, named
from innerloop.models.network import Network
from innerloop.models.resnet6 import resnet6

MODELS = {"mlp": mlp, "conv4": conv4, "resnet6": resnet6}

__all__ = ["MODELS", "Encoder", "Network", "model_spec", "named", *MODELS]
