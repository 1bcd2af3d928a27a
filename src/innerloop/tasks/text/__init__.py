"""Sentences as tasks: encoders, intents of several data sets and languages, files of one's own."""

from innerloop.tasks.text.encoders import ENCODERS, encoders_named
from innerloop.tasks.text.features import Features, features
from innerloop.tasks.text.inputs import TextInputs

__all__ = ["ENCODERS", "Features", "TextInputs", "encoders_named", "features"]
