"""Tasks of unequal ways and shots, stored together with padding, are what they are alone."""

from __future__ import annotations

import law_cases as given
import pytest
import torch
from law_cases import biggest

from innerloop import Episode, Episodes, Examples
from innerloop.episodes import together
from innerloop.tree import tree_map

CASES = given.cases()
every = pytest.mark.parametrize("case", CASES, ids="-".join)
SHAPES = [(3, 2), (2, 3), (3, 2), (2, 1)]  # ways and shots of each task; two are alike


def uneven(case) -> list[Episode]:
    """Tasks of unequal shape, none of them padded."""
    if case[2] == "numbers":
        batch = given.regression(tasks=4)
        rows = [5, 3, 5, 2]
        return [
            Episode(*(Examples(s.x[t, :n], s.y[t, :n]) for s in (batch.support, batch.query)), task)
            for t, (n, task) in enumerate(zip(rows, batch.task, strict=True))
        ]
    return [
        given.classification(case[1], tasks=1, ways=ways, shots=shots, seed=seed)[0]
        for seed, (ways, shots) in enumerate(SHAPES)
    ]


def scattered(episodes: Episodes) -> Episodes:
    """The same tasks with their rows, real and padding, in another order, and the padding wild."""

    def side(examples: Examples) -> Examples:
        tasks, rows = examples.y.shape[:2]
        g = torch.Generator().manual_seed(5)
        order = torch.stack([torch.randperm(rows, generator=g) for _ in range(tasks)])
        each = torch.arange(tasks)[:, None]
        mask = examples.mask
        mask = torch.ones(tasks, rows, dtype=torch.bool) if mask is None else mask
        x = torch.where(
            mask.view(tasks, rows, *[1] * (examples.x.dim() - 2)), examples.x, torch.nan
        )
        return Examples(x[each, order], examples.y[each, order], mask[each, order], examples.ways)

    return Episodes(side(episodes.support), side(episodes.query), episodes.task, episodes.classes)


@every
@pytest.mark.parametrize("path", ["vmap", "loop"])
def test_padded_tasks_equal_the_tasks_one_by_one(case, path):
    learner, meta, _ = given.case(*case)
    tasks = uneven(case)
    found = learner.on_path(path).gradient(meta, together(tasks))
    alone = [learner.gradient(meta, together([task])) for task in tasks]
    assert biggest(found.losses, torch.cat([a.losses for a in alone])) < 1e-10
    mean = tree_map(lambda *leaves: sum(leaves) / len(leaves), *(a.grads for a in alone))
    assert biggest(found.grads, mean) < 1e-10
    state = {n: torch.stack([a.state[n].double() for a in alone]).mean(0) for n in found.state}
    assert biggest(found.state, state) < 1e-10


@every
def test_the_order_of_rows_and_padding_does_not_matter(case):
    learner, meta, _ = given.case(*case)
    if getattr(learner.method, "ordered", False):
        pytest.skip("it takes the rows one after the other")
    if getattr(learner.method, "joint", False):
        pytest.skip("it learns the targets in their order")
    batch = together(uneven(case))
    found, other = (learner.gradient(meta, episodes) for episodes in (batch, scattered(batch)))
    assert biggest(found, other) < 1e-9


@every
def test_one_task_that_is_not_finite_leaves_the_mean_of_the_others_exact(case):
    learner, meta, _ = given.case(*case)
    if not given.learns(learner):
        pytest.skip("nothing is learnt across tasks")
    tasks = uneven(case)
    batch = together(tasks)
    batch.support.x[1] = torch.nan
    found = learner.gradient(meta, batch)
    assert found.kept.tolist() == [True, False, True, True]
    others = learner.gradient(meta, together([tasks[0], *tasks[2:]]))
    assert biggest(found.grads, others.grads) < 1e-10


def test_without_masks_a_batch_is_taken_as_it_is():
    episodes = given.classification("mlp")
    [(numbers, same)] = episodes.alike()
    assert same is episodes
    assert numbers.tolist() == [0, 1, 2]
