"""From the names of tasks and of an algorithm to a learner that fits both."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from innerloop.algorithms import ALGORITHMS
from innerloop.errors import InputError, not_one_of
from innerloop.models import MODELS, ROW_MODELS, SEQUENCE_MODELS
from innerloop.models.network import Model
from innerloop.outer import Learner
from innerloop.outer.learner import settings_of
from innerloop.tasks import FindingInputs, Tasks, TextInputs

TEXTS = ("xsid", "clinc150")  # whose recipes are for the mix of two encoders
REWEIGHTED = (
    "phenopackets",
)  # inputs of thousands of numbers, tasks too few to learn a network from
RAW = (
    "nearest_neighbour",
    "nearest_centroid",
    "prior_fitted",
    "semantic",
)  # take inputs as they are


@dataclass(frozen=True)
class Recipe:
    """What suits a family of tasks where it differs from an algorithm's defaults.

    settings: the algorithm's own. model: arguments of the usual model. training: of `train`.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def characters(steps: int) -> Recipe:
    """MAML's own network and inner rate for Omniglot; few queries and a higher outer rate learn most
    in a given time (chosen on meta-validation characters)."""
    return Recipe(
        settings={"inner_lr": 0.4, "inner_steps": 1},
        model={"strided": True, "zero_head": True},
        training={"steps": steps, "meta_batch": 16, "lr": 2e-3, "queries": 2},
    )


RECIPES: dict[tuple[str, str], Recipe] = {
    (family, name): characters(steps)
    for family, steps in (("omniglot", 5_000), ("glyphs", 2_000))
    for name in ("maml", "fomaml")
}
# Tasks of a table have few ways, so that several make a step; there are few tasks, so steps are few.
RECIPES["phenopackets", "protonet"] = Recipe(
    settings={"distance": "cosine"},
    training={"steps": 300, "meta_batch": 4, "lr": 1e-2, "ways": 20, "shots": 1, "queries": 2},
)
RECIPES["phenopackets", "semantic"] = Recipe(training={"ways": 20, "shots": 2, "queries": 2})
RECIPES["table", "protonet"] = Recipe(training={"steps": 1_000, "meta_batch": 16, "lr": 1e-3})
# Sentences: what is learnt of some domains or languages soon fits them alone, so steps are few and ways
# many; chosen on meta-validation domains and languages.
RECIPES["xsid", "ridge"] = Recipe(
    settings={"strength": 0.3},
    model={"mix": 1.5},
    training={"steps": 60, "meta_batch": 8, "lr": 1e-3, "ways": 5, "shots": 1, "queries": 5},
)
RECIPES["clinc150", "ridge"] = Recipe(
    settings={"strength": 0.3},
    model={"mix": 0.5},
    training={"steps": 100, "meta_batch": 4, "lr": 3e-4, "ways": 60, "shots": 1, "queries": 3},
)


def recipe_for(tasks: str, algorithm: str) -> Recipe:
    """What is known to suit this algorithm on this family; an empty recipe where nothing is.

    >>> recipe_for("omniglot", "maml").settings["inner_lr"], recipe_for("linear", "maml").settings
    (0.4, {})
    """
    return RECIPES.get((tasks, algorithm), Recipe())


def learner_for(
    tasks: Tasks, algorithm: str, *, model: str | Model | None = None, **settings: Any
) -> Learner:
    """The learner of this name, with a model and settings that suit the tasks.

    model: None for the family's usual one, the name of a built-in, "package.module:function", or
        a Module. settings: the algorithm's own; they override the recipe's.

    >>> import innerloop as il
    >>> learner_for(il.tasks.sinusoids(), "maml").spec.model.spec.name
    'mlp'
    """
    constructor = ALGORITHMS[algorithm]
    suggestions = constructor.suggestions  # type: ignore[attr-defined]
    headless = suggestions.encoder and tasks.kind == "classification"
    recipe = recipe_for(tasks.name, algorithm)
    settings = {**recipe.settings, **settings}
    if tasks.kind == "classification" and "classes" in settings_of(constructor):
        settings.setdefault("classes", getattr(tasks.train, "class_count", None))
    if isinstance(tasks.inputs, FindingInputs) and "kinds" in settings_of(constructor):
        settings = {
            "terms": dict(tasks.inputs.terms),
            "kinds": dict(tasks.inputs.kinds),
            **settings,
        }
    if "targets" in settings_of(constructor):  # it makes its own network, over features or numbers
        settings.setdefault("targets", 0 if tasks.kind == "classification" else tasks.targets)
        settings.setdefault("inputs", math.prod(tasks.input_shape))
        headless = True
    if model is None and (algorithm in RAW or takes_numbers(constructor, tasks)):
        return constructor(**settings)  # of raw inputs
    outputs = None if headless else tasks.outputs
    if model is None:
        further = recipe.model if tasks.name not in TEXTS or takes_mix(tasks) else {}
        model = model_for(tasks, None, outputs=outputs, **further)
    elif isinstance(model, str):
        model = model_for(tasks, model, outputs=outputs)
    return constructor(model, **settings)


def takes_numbers(constructor: Any, tasks: Tasks) -> bool:
    """Whether the learner needs no features: an input is a row of numbers, and it takes those."""
    return "inputs" in settings_of(constructor) and len(tasks.input_shape) == 1


def model_for(tasks: Tasks, name: str | None, *, outputs: int | None, **further: Any) -> Model:
    """A built-in model of the right sizes, or what "package.module:function" makes."""
    images = len(tasks.input_shape) == 3
    if name is None and takes_mix(tasks):
        name = "sentences"
    if name is None:
        few = outputs is None and tasks.name in REWEIGHTED
        name = ("resnet6" if outputs is None else "conv4") if images else "mlp"
        name = "reweighted" if few else name
    if ":" in name:
        return imported(name)
    if name not in MODELS:
        raise not_one_of("--model", MODELS, name, "package.module:function")
    if name in ROW_MODELS:
        inputs = 1
        for size in tasks.input_shape:
            inputs *= size
        return MODELS[name](inputs, outputs, **further)
    if name == "sentences":
        return sentences_for(tasks, outputs, **further)
    if name in SEQUENCE_MODELS:
        if len(tasks.input_shape) != 2:
            raise unfit(tasks, name, "sequences (length, features)", "序列（长度, 特征数）")
        return MODELS[name](tasks.input_shape[1], outputs, **further)
    if not images:
        raise unfit(tasks, name, "images", "图像")
    channels, size, _ = tasks.input_shape
    return MODELS[name](outputs, channels=channels, size=size, **further)


def takes_mix(tasks: Tasks) -> bool:
    """Whether an input is an encoded sentence with its n-grams beside it."""
    widths = list(tasks.inputs.widths) if isinstance(tasks.inputs, TextInputs) else []
    return len(widths) == 2 and widths[1] == "ngrams"


def sentences_for(tasks: Tasks, outputs: int | None, **further: Any) -> Model:
    if not takes_mix(tasks):
        raise InputError(
            f"sentences takes an encoder with n-grams beside it, and {tasks.name} has inputs of shape "
            f"{tasks.input_shape}; use --encoder use+ngrams, or --model mlp.",
            f"sentences 需要带 n-gram 的编码器，而 {tasks.name} 的输入形状为 {tasks.input_shape}；"
            "请用 --encoder use+ngrams，或 --model mlp。",
        )
    assert isinstance(tasks.inputs, TextInputs)
    encoded, ngrams = tasks.inputs.widths.values()
    return MODELS["sentences"](outputs, encoded=encoded, ngrams=ngrams, **further)


def unfit(tasks: Tasks, name: str, what: str, zh: str) -> InputError:
    shape = tasks.input_shape
    return InputError(
        f"{name} takes {what}, but an input of {tasks.name} has shape {shape}; use --model mlp.",
        f"{name} 需要{zh}输入，而 {tasks.name} 的输入形状为 {shape}；请用 --model mlp。",
    )


def imported(reference: str, option: str = "--model") -> Any:
    """The function or object that "package.module:function" names; the folder at hand is searched."""
    module, _, attribute = reference.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever the user's own module may raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{option} {reference} cannot be imported ({reason}); write package.module:function, "
            "from the folder that holds the package.",
            f"无法导入 {option} {reference}（{reason}）；请在包所在目录下使用 package.module:function。",
        ) from error
