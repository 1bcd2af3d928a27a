"""Backbones, and the one place where a Module becomes (init, apply)."""

from innerloop.models.conv4 import conv4
from innerloop.models.mlp import mlp
from innerloop.models.network import Network
from innerloop.models.named import model_spec, named

MODELS = {"mlp": mlp, "conv4": conv4}

__all__ = ["MODELS", "Network", "model_spec", "named", *MODELS]
