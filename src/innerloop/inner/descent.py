"""Gradient descent on one task's support set, as data: what MAML and its family have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.func import grad

from innerloop.core import Episode, Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner.rules import Rule
from innerloop.inner.rules.base import zeros_like
from innerloop.inner.through import Through, first_order, unrolled
from innerloop.inner.which import Patterns, Which, everything, matching
from innerloop.losses import InnerLoss, Loss, loss_on, mean_loss
from innerloop.models import Network
from innerloop.tree import Tree


def walk(
    loss_of: Callable[[Params], Tensor],
    start: Params,
    rule: Rule,
    steps: int,
    *,
    through: Through = unrolled,
    learnt: Params | None = None,
) -> Iterator[Params]:
    """The parameters before the first step of `rule` down `loss_of`, and after each one."""
    moved, memory = start, rule.start(start)
    yield moved
    for step in range(steps):
        gradient = through(grad(loss_of), step, steps)
        move, memory = rule.step(gradient(moved), memory, learnt or {})
        moved = {name: p + move[name] for name, p in moved.items()}
        yield moved


def check_steps(steps: int) -> None:
    if not isinstance(steps, int) or steps < 0:
        raise InputError(
            f"inner_steps must be a whole number of 0 or more, got {steps}; 0 predicts without adapting.",
            f"inner_steps 必须是不小于 0 的整数，收到 {steps}；0 表示不适应直接预测。",
        )


def descend(
    loss_of: Callable[[Params], Tensor],
    start: Params,
    rule: Rule,
    steps: int,
    *,
    through: Through = unrolled,
    learnt: Params | None = None,
) -> Params:
    """Where the walk ends after `steps` steps.

    >>> from innerloop.inner import Sgd
    >>> descend(lambda p: p["w"] ** 2, {"w": torch.tensor(1.0)}, Sgd(0.25), 2)
    {'w': tensor(0.2500)}
    """
    return last_of(walk(loss_of, start, rule, steps, through=through, learnt=learnt))


def last_of(path: Iterator[Params]) -> Params:
    """The end of a walk, keeping nothing of the way."""
    return deque(path, maxlen=1).pop()


@dataclass(frozen=True)
class Descent:
    """`steps` gradient steps on the support loss, from a start that is learnt across tasks.

    Three independent questions: `which` parameters move, `how_far`, and how to differentiate
    `through` the steps. Of those that `which` names, patterns may pick some (`moves`) or leave some
    still (`freeze`). `fast` holds the parameters that moved and, where the network has batch
    norm, the statistics of the support set, by which queries are normalised; `transductive`
    normalises queries by their own batch instead, so that they see each other. `from_zero` starts
    each task at zeros, which are not learnt.
    """

    network: Network
    loss: Loss | None
    how_far: Rule
    steps: int
    which: Which = everything
    through: Through = unrolled
    transductive: bool = False
    inner_loss: InnerLoss | None = None  # None: as the outer loop's
    moves: Patterns = "*"
    freeze: Patterns | None = None
    from_zero: bool = False

    def __post_init__(self) -> None:
        check_steps(self.steps)
        self.moving()

    def moving(self) -> list[str]:
        """The names of the parameters that the inner loop moves."""
        names = self.which(self.network)
        if self.moves != "*":
            names = matching(names, self.moves, "moves")
        still = matching(names, self.freeze, "freeze") if self.freeze else []
        moving = [name for name in names if name not in still]
        if still and not moving:
            raise InputError(
                f"freeze={self.freeze!r} leaves the inner loop nothing to move, so a task would teach it "
                f"nothing; leave one of these out of it: {', '.join(still)}.",
                f"freeze={self.freeze!r} 使内循环没有可移动的参数，任务将无法教会它任何东西；"
                f"请保留以下之一：{', '.join(still)}。",
            )
        return moving

    def is_exact(self, step: int) -> bool:
        """Whether the outer gradient passes through this inner step."""
        if self.through is first_order:
            return False
        last: int | None = getattr(self.through, "last", None)
        return last is None or step >= self.steps - last

    def init(self, generator: Generator | None = None) -> Meta:
        params, buffers = self.network.init(generator)
        moving = {name: params[name] for name in self.moving()}
        return Meta({**params, **self.how_far.learn(moving)}, buffers)

    def adapt(
        self, meta: Meta, support: Examples, *, generator: Generator | None = None
    ) -> dict[str, Params]:
        return self.adapt_along(meta, support, [self.steps], generator=generator)[0]

    def adapt_along(
        self,
        meta: Meta,
        support: Examples,
        steps: Sequence[int],
        *,
        generator: Generator | None = None,
    ) -> list[dict[str, Params]]:
        """What `adapt` gives after each of these numbers of steps, in one walk."""
        found = {
            step: self._ready(meta, support, fast)
            for step, fast in enumerate(self._walk(meta, support, max(steps)))
            if step in steps
        }
        return [found[step] for step in steps]

    def _ready(self, meta: Meta, support: Examples, fast: Params) -> dict[str, Params]:
        """Moved parameters, and the support set's statistics under them."""
        if not self.network.norms or self.transductive:
            return {"params": fast, "statistics": {}}
        params = {**meta.params, **fast}
        _, statistics = self.network.observe(self._weights(params), meta.state, support.x)
        return {"params": fast, "statistics": statistics}

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self._outputs(meta, fast, x, training=False)

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        fast = self.adapt(meta, episode.support, generator=generator)
        outputs = self._outputs(meta, fast, episode.query.x, training=True)
        return mean_loss(self.loss, outputs, episode.query), meta.state

    def _walk(self, meta: Meta, support: Examples, steps: int) -> Iterator[Params]:
        params = meta.params
        fast = {name: params[name] for name in self.moving()}
        still = {n: p for n, p in self._weights(params).items() if n not in fast}
        if self.from_zero:
            fast = zeros_like(fast)
        training = torch.is_grad_enabled()

        def support_loss(fast: Params) -> Tensor:
            weights = {**still, **fast}

            def answer(x: Tree) -> Tensor:
                return self.network.apply(weights, meta.state, x, training=training)

            return loss_on(self.inner_loss or self.loss, answer, support)

        return walk(support_loss, fast, self.how_far, steps, through=self.through, learnt=params)

    def _outputs(self, meta: Meta, fast: Tree, x: Tree, *, training: bool) -> Tensor:
        weights = self._weights({**meta.params, **fast["params"]})
        statistics = fast["statistics"] or None
        return self.network.apply(weights, meta.state, x, statistics=statistics, training=training)

    def _weights(self, params: Params) -> Params:
        """The network's own parameters, without what the rule has learnt."""
        return {n: p for n, p in params.items() if n in self.network.names}
