"""Why nothing is finite any more, and what to do about it: a guess from one batch, as a sentence."""

from __future__ import annotations

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Meta
from innerloop.devices import to_device
from innerloop.losses import mean_loss
from innerloop.training.course import Course
from innerloop.training.optimiser import Layout
from innerloop.training.state import State
from innerloop.tree import Tree, tree_leaves

LARGE = 1e3  # a weight of this size was never drawn: the outer loop took it there


def diagnose(course: Course, layout: Layout, state: State, episodes: Episodes) -> tuple[str, str]:
    """The likeliest cause, and its remedy, in English and Chinese."""
    episodes = to_device(episodes, course.device)
    learner, meta = course.learner, Meta(layout.unpack(state.weights), state.buffers)
    settings = learner.spec.settings
    if not finite(state.weights):
        return (
            "The outer weights were not finite to begin with; load sound weights into the model.",
            "外层权重从一开始就不是有限值；请为模型载入有效的权重。",
        )
    if not finite(episodes.support.x, episodes.support.y, episodes.query.x, episodes.query.y):
        t = first_bad(episodes)
        where, (en, zh) = course.train.describe(episodes, t), first_bad_row(episodes[t])
        return (
            f"The inputs or targets are not finite, for example in {where}, {en}; clean or impute "
            "them.",
            f"输入或目标含非有限值，例如 {where} 的{zh}；请清洗或填补数据。",
        )
    largest = float(state.weights.abs().max()) if state.weights.numel() else 0.0
    if largest > LARGE:
        return (
            f"The outer weights have grown up to {largest:.2g}: the outer steps are too large; "
            f"lower lr (now {course.lr:g}) or set clip=10.",
            f"外层权重已增长到 {largest:.2g}：外层步长过大；请降低 lr（现为 {course.lr:g}）或设置 clip=10。",
        )
    if explodes_inside(course, meta, episodes):
        rate = settings.get("inner_lr")
        now = f" (now {rate:g})" if isinstance(rate, (int, float)) else ""
        return (
            f"The support loss explodes in the inner loop; lower inner_lr{now} or inner_steps.",
            f"支持集损失在内循环中爆炸；请降低 inner_lr{now.replace('now', '现为')} 或 inner_steps。",
        )
    if state.counts.refused:
        return (
            f"The losses are finite but the updates overflow; lower lr (now {course.lr:g}), or set "
            "clip=10.",
            f"损失是有限的，但更新溢出；请降低 lr（现为 {course.lr:g}）或设置 clip=10。",
        )
    return (
        "Inputs, weights and adapted predictions are finite, but the query losses or their "
        f"gradients are not; lower inner_lr or lr (now {course.lr:g}), or look at the loss function.",
        f"输入、权重与适应后的预测都是有限的，但查询损失或其梯度不是；请降低 inner_lr 或 lr"
        f"（现为 {course.lr:g}），或检查损失函数。",
    )


def finite(*trees: Tree) -> bool:
    leaves = [leaf for tree in trees for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return all(bool(leaf.isfinite().all()) for leaf in leaves)


def first_bad(episodes: Episodes) -> int:
    for t, episode in enumerate(episodes):
        if not finite(episode.support.x, episode.support.y, episode.query.x, episode.query.y):
            return t
    return 0


def first_bad_row(episode: Episode | Episodes) -> tuple[str, str]:
    """Which row it is, of which set and side, counted from 0."""
    for en, zh, examples in (
        ("support", "支持集", episode.support),
        ("query", "查询集", episode.query),
    ):
        for side, tree in (("x", examples.x), ("y", examples.y)):
            for leaf in tree_leaves(tree):
                bad = ~leaf.isfinite().flatten(1).all(1) if leaf.dim() > 1 else ~leaf.isfinite()
                if bad.any():
                    row = int(bad.nonzero()[0])
                    return f"row {row} of the {en} {side}", f"{zh} {side} 第 {row} 行"
    return "one of its rows", "某一行"


def explodes_inside(course: Course, meta: Meta, episodes: Episodes) -> bool:
    """Whether adapting to the batch's first task leaves the support loss not finite, or far above
    what it was without the task (1e6 times)."""
    episode = episodes[0]
    assert isinstance(episode, Episode)
    try:
        fast = course.learner.adapt(meta, episode.support)
        outputs = course.learner.predict(meta, fast, episode.support.x)
        loss = mean_loss(None, outputs, episode.support)
    except RuntimeError:
        return False
    return not (finite(fast, outputs) and bool(torch.isfinite(loss))) or float(loss) > 1e6
