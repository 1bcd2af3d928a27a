"""The learner that users hold: a method for one task, made many, and able to say what it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import torch
from torch import Generator, Tensor

from innerloop.arguments import arguments_of, check_names
from innerloop.core import Episodes, Examples, Meta, MetaGradient, Method, no_rows
from innerloop.errors import InputError, shown
from innerloop.likelihoods import Likelihood
from innerloop.outer.route import Route
from innerloop.outer.totals import Totals
from innerloop.tree import Tree, rows

LARGE = 1_000_000  # weights


@dataclass(frozen=True)
class Spec:
    """The constructor call that makes a learner: enough to make it again, with other settings."""

    constructor: Callable[..., Learner]
    model: Any
    settings: dict[str, Any]

    @property
    def algorithm(self) -> str:
        return self.constructor.__name__


@dataclass(frozen=True)
class Suggestions:
    """What the paper does in the outer loop; `train` follows it where the user is silent.

    steps: outer steps; 0 for a learner that learns nothing across tasks.
    ways, shots, queries: of training episodes, where they should differ from the test's.
    weight_decay: decoupled from the gradient, as in AdamW.
    encoder: to classify, the learner takes a model without an output layer.
    """

    steps: int = 5_000
    meta_batch: int = 16
    lr: float = 1e-3
    optimiser: str = "adam"
    schedule: str = "cosine"
    ways: int | None = None
    shots: int | None = None
    queries: int | None = None
    weight_decay: float = 0.0
    encoder: bool = False


@dataclass(frozen=True)
class Learner:
    """A few pure functions over trees of tensors, written for one task.

    init(generator) -> meta; adapt(meta, support) -> fast; predict(meta, fast, x) -> outputs;
    gradient(meta, episodes) -> MetaGradient; observe(meta, fast, more) -> fast where the method
    can take in further examples.
    """

    method: Method
    spec: Spec
    suggestions: Suggestions = Suggestions()
    _route: Route = field(default_factory=Route, compare=False, repr=False)

    def init(self, generator: Generator | None = None) -> Meta:
        """What is learnt across tasks, before it is learnt. With a generator the weights are
        drawn; without one they are those that the model came with."""
        return self.method.init(generator)

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Tree:
        """What is learnt from one task's support set; meta is left as it was.

        A learner with a prior (`has_prior`) also takes a support set without rows; of a task that
        tells classes apart it must then be said how many `ways` there are.
        """
        check_is(Examples, support)
        known = support.ways or not support.is_classification
        if not rows(support.y) and not (self.has_prior and known):
            raise no_rows("support", "支持集")
        with torch.no_grad():
            return self.method.adapt(meta, support, generator=generator)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        """The adapted task's answers, one row per input, whatever the other rows are."""
        with torch.no_grad():
            return self.method.predict(meta, fast, x)

    @property
    def likelihood(self) -> Likelihood | None:
        """How its outputs say what a target is; None: as the targets' type suggests."""
        return getattr(self.method, "likelihood", None)

    @property
    def has_prior(self) -> bool:
        """Whether it has an answer before it has seen an example of a task."""
        return bool(getattr(self.method, "has_prior", False))

    @property
    def can_observe(self) -> bool:
        return hasattr(self.method, "observe")

    def observe(self, meta: Meta, fast: Tree, more: Examples) -> Tree:
        """Take in further examples of an adapted task."""
        if not self.can_observe:
            raise InputError(
                f"{self.spec.algorithm} cannot take in further examples one by one; adapt again on "
                "all of them.",
                f"{self.spec.algorithm} 不能逐步加入样本；请用全部样本重新适应。",
            )
        with torch.no_grad():
            return self.method.observe(meta, fast, more)  # type: ignore[attr-defined]

    def gradient(
        self,
        meta: Meta,
        episodes: Episodes,
        *,
        step: int = 0,
        generator: Generator | None = None,
    ) -> MetaGradient:
        """Losses (T,) and the gradient of their mean with respect to `meta.params`."""
        return self.totals(meta, episodes, step=step, generator=generator).mean(meta.state)

    def totals(
        self,
        meta: Meta,
        episodes: Episodes,
        *,
        step: int = 0,
        generator: Generator | None = None,
    ) -> Totals:
        """The sums over T tasks of which `gradient` is the mean: those of several processes add up."""
        check_is(Episodes, episodes)
        return self._route.totals(self.method, meta, episodes, generator)

    @property
    def path(self) -> str:
        """How gradients are computed: "explicit" (rules of known layers, no graph), "vmap" (tasks
        batched) or "loop"; "unknown" until the first gradient has chosen."""
        return self._route.name or "unknown"

    @property
    def route(self) -> Route:
        return self._route

    @property
    def is_heavy(self) -> bool:
        """Whether a step takes long enough that one thinks before taking thousands: the network
        is convolutional or large, its tasks run one after the other, or the method says so."""
        if getattr(self.method, "is_heavy", False):
            return True
        network = getattr(self.method, "network", None)
        if network is None or self.path == "loop":
            return self.path == "loop"
        weights = sum(p.numel() for p in network.module.parameters())
        return bool(network.is_convolutional) or weights > LARGE

    def on_path(self, path: str) -> Learner:
        """The same learner with its path fixed: "explicit", "vmap" or "loop"."""
        return Learner(self.method, self.spec, self.suggestions, Route.on(path))

    def replace(self, **settings: Any) -> Learner:
        """The same learner with other settings, for example more inner steps at test time."""
        known = {k: v for k, v in self.spec.settings.items() if k != "model"}
        check_settings(self.spec.constructor, settings)
        return self.spec.constructor(self.spec.model, **{**known, **settings})


def check_is(kind: type, given: Any) -> None:
    if not isinstance(given, kind):
        name = kind.__name__
        raise InputError(
            f"a learner takes il.{name} here, got {shown(given)}; make them of your tensors: "
            f"il.{name}({', '.join(list(inspect.signature(kind).parameters)[:2])}).",
            f"此处需要 il.{name}，收到 {shown(given)}；请用张量构造。",
        )


def settings_of(constructor: Callable[..., Any]) -> dict[str, Any]:
    """The settings that a constructor takes, with their defaults."""
    parameters = inspect.signature(constructor).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "model"}


def check_settings(constructor: Callable[..., Any], settings: dict[str, Any]) -> None:
    check_names(constructor, settings, settings_of(constructor))


def algorithm(**suggested: Any) -> Callable[[Callable[..., Method]], Callable[..., Learner]]:
    """Make a function `name(model, loss=None, *, settings...) -> Method` a learner's constructor.

    The learner remembers the call (its `spec`), so that it can be made again with another setting,
    and carries what the paper suggests for the outer loop.
    """

    def wrap(function: Callable[..., Method]) -> Callable[..., Learner]:
        @functools.wraps(function)
        def construct(*args: Any, **settings: Any) -> Learner:
            call = arguments_of(function, args, settings)
            spec = Spec(construct, call.pop("model", None), call)
            return Learner(function(*args, **settings), spec, Suggestions(**suggested))

        construct.suggestions = Suggestions(**suggested)  # type: ignore[attr-defined]
        return construct

    return wrap


def like(
    base: Callable[..., Learner], *, fixed: Mapping[str, Any] | None = None, **defaults: Any
) -> Callable[[Callable[..., Method]], Callable[..., Method]]:
    """Make a function `name(method, *, settings...) -> Method`, which changes a method of `base`,
    one that takes base's arguments itself: with other `defaults`, without those that are `fixed`,
    and with settings of its own.
    """
    made_by: Callable[..., Method] = base.__wrapped__  # type: ignore[attr-defined]
    fixed = fixed or {}

    def wrap(change: Callable[..., Method]) -> Callable[..., Method]:
        own = [p for p in inspect.signature(change).parameters.values() if p.kind is p.KEYWORD_ONLY]
        shared = [
            p.replace(default=defaults.get(p.name, p.default))
            for p in inspect.signature(base).parameters.values()
            if p.name not in fixed
        ]
        signature = inspect.Signature([*shared, *own])

        @functools.wraps(change)
        def make(*args: Any, **settings: Any) -> Method:
            bound = signature.bind(*args, **settings)
            bound.apply_defaults()
            call = bound.arguments
            further = {p.name: call.pop(p.name) for p in own}
            return change(made_by(**call, **fixed), **further)

        make.__signature__ = signature  # type: ignore[attr-defined]
        make.__annotations__ = {**get_type_hints(made_by), **get_type_hints(change)}
        return make

    return wrap
