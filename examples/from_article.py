"""From the article's two loops to meta-learning, with a figure at every step.

An introduction to meta-learning for language that many have read shows a linear model of 10 inputs,
a class `Task(input, target)` filled with random numbers, a loop `maml_train`, and for "MBML" the
same loop with several steps per task. This file runs the loops as they stand there, says what is
missing, and puts the real thing beside them.

    python examples/from_article.py            # under a minute on one core
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import innerloop as il
from innerloop.episodes import Draws, Stream
from innerloop.evaluation import Difference, Scores, score, tuned
from innerloop.evaluation.scores import aligned
from innerloop.language import say

# --- 1. The article, as it stands ----------------------------------------------------------------


@dataclass
class Task:
    input: Tensor  # (rows, 10)
    target: Tensor  # (rows, 1)


def maml_train(
    model: nn.Module, optimizer: torch.optim.Optimizer, tasks: list[Task], num_iterations: int
) -> None:
    """The article's "MAML": plain gradient descent on one task after the other."""
    mbml_train(model, optimizer, tasks, num_iterations, steps_per_task=1)


def mbml_train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tasks: list[Task],
    num_iterations: int,
    steps_per_task: int,
) -> None:
    """The article's "MBML": the same, several steps before the next task has its turn."""
    for _ in range(num_iterations):
        for task in tasks:
            for _ in range(steps_per_task):
                loss = nn.functional.mse_loss(model(task.input), task.target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def maml_evaluate(model: nn.Module, tasks: list[Task]) -> float:
    """The article's judgement: the mean loss, without any adaptation to the task."""
    with torch.no_grad():
        losses = [nn.functional.mse_loss(model(task.input), task.target) for task in tasks]
    return float(torch.stack(losses).mean())


def random_tasks(count: int, seed: int) -> list[Task]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Task(torch.randn(10, 10, generator=generator), torch.randn(10, 1, generator=generator))
        for _ in range(count)
    ]


def as_it_stands(iterations: int) -> float:
    """The error on new tasks after the article's loop on the article's kind of tasks."""
    torch.manual_seed(0)
    model = nn.Linear(10, 1)
    seen, new = random_tasks(50, seed=0), random_tasks(500, seed=1)
    before = maml_evaluate(model, new)
    maml_train(model, torch.optim.SGD(model.parameters(), lr=0.01), seen, iterations)
    after = maml_evaluate(model, new)
    tell(
        "1. The article's loop on the article's tasks (random inputs, random targets).",
        "1. 文章的循环，用文章的任务（随机输入，随机目标）。",
    )
    tell(
        f"   Error on new tasks: {before:.2f} before training, {after:.2f} after; always answering 0"
        " gives 1.00.\n   Nothing can be learnt across tasks that have nothing in common.",
        f"   新任务上的误差：训练前 {before:.2f}，训练后 {after:.2f}；总是回答 0 的误差为 1.00。\n"
        "   任务之间没有共同点，就没有可以跨任务学习的东西。",
    )
    return after


# --- 2. Tasks that are relatives, with a support and a query set ---------------------------------


@dataclass(frozen=True, kw_only=True)
class Relatives(Stream):
    """y = w x with w = A z: every task has its own z (2 numbers), all share A (10 x 2).

    Five examples are too few to find 10 unknown weights, and enough to find 2.
    """

    mixing: Tensor  # A

    def draw(self, draws: Draws) -> il.Episodes:
        w = self.mixing @ draws.normal(2, 1)  # (T, 10, 1)
        support, query = draws.normal(self.shots, 10), draws.normal(self.queries, 10)
        return il.Episodes(il.Examples(support, support @ w), il.Examples(query, query @ w))


def relatives() -> il.tasks.Tasks:
    mixing, _ = torch.linalg.qr(torch.randn(10, 2, generator=torch.Generator().manual_seed(0)))
    splits = {
        split: Relatives(name=f"relatives/{split}", shots=5, queries=20, mixing=mixing * 2**0.5)
        for split in ("train", "validation", "test")
    }
    return il.tasks.Tasks("relatives", "regression", **splits, input_shape=(10,))


def network() -> nn.Module:
    """Two linear layers: they compute no more than the article's one, but the first can hold what
    all tasks share, and the second what is this task's own."""
    return nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 1))


# --- 3. Everyone on the same new tasks -----------------------------------------------------------


TRIED = (1, 3, 5, 10, 30, 100)  # inner steps, on validation tasks


def by_the_article(
    train: Stream, steps_per_task: int, iterations: int
) -> tuple[il.Learner, il.Meta]:
    """The article's weights, which may then adapt to a new task like everybody else's."""
    torch.manual_seed(0)
    model = network()
    episodes = train.sample(seed=0, tasks=100)
    x = torch.cat([episodes.support.x, episodes.query.x], 1)  # the article knows no query set
    y = torch.cat([episodes.support.y, episodes.query.y], 1)
    tasks = [Task(*rows) for rows in zip(x, y, strict=True)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    mbml_train(model, optimizer, tasks, iterations, steps_per_task)
    return il.maml(model), il.Meta({n: p.detach() for n, p in model.named_parameters()}, {})


def by_maml(tasks: il.tasks.Tasks, inner_steps: int, steps: int) -> tuple[il.Learner, il.Meta]:
    """The real thing: the outer gradient asks how good the weights are AFTER adapting to the
    support set, on the query set, and is taken through the adaptation."""
    learner = il.maml(network, inner_lr=0.05, inner_steps=inner_steps)
    run = il.train(
        learner, tasks, steps=steps, meta_batch=16, lr=5e-3, validate_every=0, progress=False
    )
    return run.learner, run.meta


def before_and_after(
    contender: tuple[il.Learner, il.Meta], tasks: il.tasks.Tasks, episodes: int
) -> tuple[Scores, Scores]:
    """Scores on new tasks without adaptation, and with the inner steps and rate that suit this
    contender best on validation tasks, so that nobody is a straw man."""
    learner, meta = contender
    rates = (0.003, 0.01, 0.03) if learner.spec.algorithm == "scratch" else (0.01, 0.02, 0.05)
    best = tuned(learner, meta, tasks.validation, steps=TRIED, rates=rates)
    still = learner.replace(inner_steps=0)
    return (
        score(still, meta, tasks.test, episodes=episodes),
        score(best.learner, meta, tasks.test, episodes=episodes),
    )


def main(steps: int = 400, iterations: int = 5, episodes: int = 300) -> dict[str, Scores]:
    """Print the table; return each contender's scores after adaptation."""
    as_it_stands(iterations)
    tasks = relatives()
    fresh = il.scratch(network)
    contenders = {
        say("from scratch", "从零训练"): (fresh, fresh.init(torch.Generator().manual_seed(0))),
        say("the article's MAML", "文章的 MAML"): by_the_article(tasks.train, 1, iterations),
        say("the article's MBML", "文章的 MBML"): by_the_article(tasks.train, 5, iterations),
        say("MAML, 1 inner step", "MAML，1 个内循环步"): by_maml(tasks, 1, steps),
        say("MAML, 5 inner steps", "MAML，5 个内循环步"): by_maml(tasks, 5, steps),
    }
    found = {name: before_and_after(c, tasks, episodes) for name, c in contenders.items()}
    tell(
        "\n2. Tasks with something in common: 10 weights that follow from 2 numbers, 5 examples.\n"
        f"   Squared error on {episodes} new tasks, with the 95 % interval of the mean:",
        "\n2. 有共同点的任务：10 个权重由 2 个数决定，每个任务 5 个样本。\n"
        f"   {episodes} 个新任务上的均方误差，附均值的 95 % 置信区间：",
    )
    rows = [("", say("before adapting", "适应前"), say("after adapting", "适应后"))]
    rows += [(f"   {n}", a.figure()[4:], b.figure()[4:]) for n, (a, b) in found.items()]
    print("\n".join(aligned(rows)))
    after = {name: scores for name, (_, scores) in found.items()}
    conclude(after)
    return after


def conclude(after: dict[str, Scores]) -> None:
    _, article, _, real, _ = names = list(after)
    difference = Difference(real, article, "mse", after[real].values - after[article].values)
    print("\n   " + difference.verdict)
    tell(
        "   What the article's loops lack: (1) tasks that are relatives; (2) a support set to adapt"
        " to and a query set\n   to be judged on; (3) a gradient through the adaptation. Without"
        f" them '{names[1]}' and '{names[2]}' are\n   one thing: ordinary training on a mixture of"
        " tasks, whose best single answer is the mean of them all.",
        "   文章的循环缺少：（1）彼此相关的任务；（2）用于适应的支持集与用于评判的查询集；"
        "（3）穿过适应过程的梯度。\n"
        f"   缺了这些，“{names[1]}”与“{names[2]}”就是同一回事：在混合任务上的普通训练，"
        "其最好的单一答案只是所有任务的平均。",
    )


def tell(en: str, zh: str) -> None:
    print(say(en, zh))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--steps", type=int, default=400, help="outer steps of MAML")
    parser.add_argument("--episodes", type=int, default=300, help="new tasks to be judged on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(steps=arguments.steps, episodes=arguments.episodes)
