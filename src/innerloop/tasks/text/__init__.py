"""Sentences as tasks: encoders, intents of several data sets and languages, files of one's own."""

from innerloop.tasks.text.encoders import ENCODERS, encoders_named
from innerloop.tasks.text.features import Features, features
from innerloop.tasks.text.full_way import full_way
from innerloop.tasks.text.inputs import TextInputs
from innerloop.tasks.text.intents import banking77, clinc150, hwu64, xsid
from innerloop.tasks.text.own import text, text_facts
from innerloop.tasks.text.sets.clinc150 import out_of_scope

__all__ = [
    "ENCODERS",
    "Features",
    "TextInputs",
    "banking77",
    "clinc150",
    "encoders_named",
    "features",
    "full_way",
    "hwu64",
    "out_of_scope",
    "text",
    "text_facts",
    "xsid",
]
