"""The batched path, recorded: what torch is asked to do for tasks of one shape is always the same.

Transforms within transforms (`vmap` of `grad` of `grad`) cost more than small operations
themselves. So once tasks of a shape have come a few times, the operations that come out of all
transforms are written down, and from then on replayed: the same operations on the same numbers, and
so the same bits. A recording is believed only if its replay gives what a fresh pass gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from innerloop.core import Episode, Episodes, Meta, Method
from innerloop.outer.paths import by_vmap, chunks, each_of
from innerloop.outer.totals import Totals, sum_of
from innerloop.tree import Tree, tree_flatten, tree_leaves, tree_unflatten

SEEN_BEFORE = 3  # calls with one shape, before it is worth recording
SHAPES = 16  # recordings made; where there are more shapes, a recording would seldom be replayed
OPERATIONS = 20_000  # of a recording; a longer one would take longer to write down than it saves

ATEN: Any = torch.ops.aten
Replay = Callable[..., Tree]
Each = Callable[[Method, Meta, Episode, Generator | None], Tree]
Total = Callable[[Tree], Totals | None]


def of_each(found: Tree) -> Totals:
    return Totals.of(*found)


class Recorded:
    """A path that becomes faster: that of `each` and `total`, in everything else what they are
    unrecorded; by default `by_vmap`.

    each(method, meta, tasks, generator): what is recorded; total: the sums of what it gives, None
    where tasks must be kept apart after all.
    """

    def __init__(self, each: Each = each_of, total: Total = of_each) -> None:
        self._each, self._total = each, total
        self._met: Counter[Any] = Counter()
        self._replays: dict[Any, Replay | None] = {}
        self._methods: dict[int, Method] = {}  # kept, so that their numbers stay theirs

    def __call__(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
    ) -> Totals:
        self._methods[id(method)] = method
        return sum_of(self._part(method, meta, part, generator) for part in chunks(episodes))

    def _part(
        self, method: Method, meta: Meta, part: Episodes, generator: Generator | None
    ) -> Totals:
        given, form = flat(meta, part.as_episode())
        key = (id(method), form, *map(kind_of, given), *outside())
        replay = self._replays.get(key)
        if key not in self._replays and len(self._replays) < SHAPES:
            self._met[key] += 1
            if self._met[key] > SEEN_BEFORE:
                replay = recording(self._each, method, given, form, generator)
                self._replays[key] = replay
        found = None
        if replay is not None:
            try:
                found = replay(*given)
            except RuntimeError:  # it was recorded for something else after all
                self._replays[key] = None
        if found is None:
            found = self._each(method, meta, part.as_episode(), generator)
        return self._total(found) or by_vmap(method, meta, part, generator)


class Form(NamedTuple):
    """The names of what is learnt across tasks, and the tree of the tasks."""

    params: tuple[str, ...]
    state: tuple[str, ...]
    tasks: Any


def flat(meta: Meta, tasks: Episode) -> tuple[list[Tensor], Form]:
    """All tensors, and what makes them a meta and tasks again: in every step, so by the short way."""
    leaves, form = tree_flatten(tasks)
    given = [*meta.params.values(), *meta.state.values(), *leaves]
    return given, Form(tuple(meta.params), tuple(meta.state), form)


def whole(given: Sequence[Tensor], form: Form) -> tuple[Meta, Episode]:
    left = iter(given)
    params = {name: next(left) for name in form.params}
    state = {name: next(left) for name in form.state}
    return Meta(params, state), tree_unflatten(list(left), form.tasks)


def kind_of(leaf: Tensor) -> tuple[Any, ...]:
    return leaf.shape, leaf.stride(), leaf.dtype, leaf.device


def outside() -> tuple[Any, ...]:
    """What torch's operations depend on beside their inputs."""
    return torch.get_default_dtype(), torch.is_autocast_enabled("cpu")


def recording(
    each: Each, method: Method, given: list[Tensor], form: Form, generator: Generator | None
) -> Replay | None:
    """The operations as a function of the given tensors; None where they cannot be written down, or
    are not the same every time."""

    def fresh(*given: Tensor) -> Tree:
        return each(method, *whole(given, form), generator)

    with as_before(generator):
        return believed(fresh, given)


def believed(fresh: Callable[..., Tree], given: list[Tensor]) -> Replay | None:
    seed = torch.get_rng_state()
    try:
        with AtMost(OPERATIONS):
            fresh(*given)
        module = make_fx(fresh)(*given)
        if draws_elsewhere(module.graph) or looks_at_numbers(module.graph):
            return None
        without_idle_views(module.graph)
        module.recompile()

        torch.set_rng_state(seed)
        expected = tree_leaves(fresh(*given))
        torch.set_rng_state(seed)
        with torch.no_grad():
            found = tree_leaves(module(*given))
    except Exception:
        return None
    alike = len(found) == len(expected) and all(map(same, found, expected))

    return torch.no_grad()(module) if alike else None


@contextmanager
def as_before(generator: Generator | None) -> Iterator[None]:
    """Whatever is drawn meanwhile, it can be drawn again afterwards."""
    outside = torch.get_rng_state()
    own = None if generator is None else generator.get_state()
    try:
        yield
    finally:
        torch.set_rng_state(outside)
        if generator is not None:
            generator.set_state(own)  # type: ignore[arg-type]


def same(a: Tensor, b: Tensor) -> bool:
    """The same bits, NaN included."""
    return a.shape == b.shape and bool(((a == b) | (a != a) & (b != b)).all())


def draws_elsewhere(graph: fx.Graph) -> bool:
    """Whether numbers are drawn from a generator that the recording would keep."""
    return any(
        isinstance(argument, Generator)
        for node in graph.nodes
        for argument in (*node.args, *node.kwargs.values())
    )


def looks_at_numbers(graph: fx.Graph) -> bool:
    """Whether an operation's shape depends on numbers: what Python did with it is not recorded."""
    return any(
        isinstance(node.target, torch._ops.OpOverload)
        and torch.Tag.dynamic_output_shape in node.target.tags
        and not (node.target is ATEN.index.Tensor and not picks_by_mask(node))
        for node in graph.nodes
    )


def picks_by_mask(node: fx.Node) -> bool:
    kinds = {n.meta["val"].dtype for n in node.all_input_nodes[1:]}
    return bool(kinds & {torch.bool, torch.uint8})


class AtMost(TorchDispatchMode):
    """Ends what takes more operations."""

    def __init__(self, operations: int):
        super().__init__()
        self._left = operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("too many operations to be recorded")
        return func(*args, **(kwargs or {}))


def without_idle_views(graph: fx.Graph) -> None:
    """Views of the same tensor in the same way are one, and a view that changes nothing is none.
    They share memory, so it does not matter what is written there in between."""
    known: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if not is_view(node):
            continue
        source: Any = node.args[0]
        before, after = source.meta.get("val"), node.meta.get("val")
        if unchanged(before, after):
            node.replace_all_uses_with(source)
            graph.erase_node(node)
            continue
        key = (node.target, str(node.args), str(node.kwargs))
        if key in known:
            node.replace_all_uses_with(known[key])
            graph.erase_node(node)
        else:
            known[key] = node


def is_view(node: fx.Node) -> bool:
    target: Any = node.target
    if node.op != "call_function" or not isinstance(target, torch._ops.OpOverload):
        return False
    single = isinstance(node.meta.get("val"), Tensor) and isinstance(node.args[0], fx.Node)
    return single and (target.is_view or target is ATEN._unsafe_view.default)


def unchanged(before: Any, after: Any) -> bool:
    if not isinstance(before, Tensor) or not isinstance(after, Tensor):
        return False
    return before.shape == after.shape and before.stride() == after.stride()
