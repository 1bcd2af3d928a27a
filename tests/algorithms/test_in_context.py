"""Learners that take the support set as context learn to learn on small families."""

import pytest
import torch
from torch import Tensor

import innerloop as il
from innerloop.inner import amortised


def trained(learner: il.Learner, draw, steps: int, lr: float):
    """meta after so many steps on `draw(seed)`, and the outputs and targets of tasks never seen."""
    meta = learner.init(torch.Generator().manual_seed(0))
    params = {n: p.requires_grad_() for n, p in meta.params.items()}
    optimiser = torch.optim.Adam(params.values(), lr=lr)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * (1 - step / steps)
        now = il.Meta(params, meta.state)
        found = learner.gradient(now, draw(step))
        for name, p in params.items():
            p.grad = found.grads[name]
        optimiser.step()
    return il.Meta({n: p.detach() for n, p in params.items()}, meta.state)


def judged(learner: il.Learner, meta: il.Meta, episodes: il.Episodes) -> float:
    """Mean score of the answers, by the learner's likelihood."""
    method = learner.method
    assert isinstance(method, amortised.Amortised)
    scores = []
    for i in range(len(episodes)):
        episode = episodes[i]
        outputs = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
        scores.append(method.likelihood.score(outputs, episode.query.y).mean())
    return float(torch.stack(scores).mean())


def lines(seed: int, tasks: int = 16, shots: int = 6, inputs: int = 1) -> il.Episodes:
    """y = w x."""
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(tasks, 1, inputs, generator=g)
    x = torch.randn(tasks, shots + 6, inputs, generator=g)
    y = (w * x).sum(-1, keepdim=True)
    return il.Episodes(
        il.Examples(x[:, :shots], y[:, :shots]), il.Examples(x[:, shots:], y[:, shots:])
    )


def clouds(seed: int, tasks: int = 16, ways: int = 3, shots: int = 2) -> il.Episodes:
    """Classes are clouds around centres of their own, in shuffled order."""
    g = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(tasks, ways, 2, generator=g)

    def side(each: int) -> il.Examples:
        order = torch.rand(tasks, ways * each, generator=g).argsort(-1)
        y: Tensor = order % ways
        at = centres.gather(1, y[..., None].expand(-1, -1, 2))
        return il.Examples(at + 0.3 * torch.randn(at.shape, generator=g), y, ways=ways)

    return il.Episodes(side(shots), side(2))


SMALL = {
    "in_context": {"width": 16, "layers": 2, "heads": 2},
    "linear_attention": {},
    "snail": {"width": 16, "reach": 4},
    "mann": {"width": 32, "slots": 8},
}
NUMBERS = {"in_context": (150, 1e-2), "linear_attention": (150, 1e-1), "snail": (150, 1e-2)}
CLASSES = {"in_context": (30, 1e-2), "snail": (30, 1e-2), "mann": (60, 1e-2)}


@pytest.mark.parametrize("name", NUMBERS)
def test_lines_never_seen_are_told_from_six_points(name):
    learner = il.ALGORITHMS[name](inputs=1, targets=1, **SMALL[name])
    meta = trained(learner, lines, *NUMBERS[name])
    error = judged(learner, meta, lines(10_000, tasks=40))
    assert error < 0.6, "their mean, 0, errs by 1"


@pytest.mark.parametrize("name", CLASSES)
def test_classes_never_seen_are_told_apart(name):
    learner = il.ALGORITHMS[name](inputs=2, targets=0, **SMALL[name])
    meta = trained(learner, clouds, *CLASSES[name])
    assert judged(learner, meta, clouds(10_000, tasks=40)) > 0.6, "a guess is right in 1 of 3"


def test_linear_attention_at_its_optimum_is_one_step_of_gradient_descent():
    """V (1/S) sum e e' W x with W = S/(S + d + 1) of the inputs, V = the target."""
    learner = il.linear_attention(inputs=2, targets=1)
    meta, batch = learner.init(), lines(3, tasks=4_000, inputs=2)
    best = {
        "network.network.key_query.weight": torch.eye(3, 2) * 6 / 9,
        "network.network.value.weight": torch.tensor([[0.0, 0.0, 1.0]]),
    }
    names = list(meta.params)
    best = dict(zip(names, best.values(), strict=True))
    found = learner.gradient(il.Meta(best, meta.state), batch)
    task = batch[0]
    outputs = learner.predict(
        il.Meta(best, meta.state),
        learner.adapt(il.Meta(best, meta.state), task.support),
        task.query.x,
    )
    step = (task.support.y * task.support.x).sum(0) / 9
    torch.testing.assert_close(outputs[:, 0], task.query.x @ step)
    flat = max(float(g.abs().max()) for g in found.grads.values())
    assert flat < 0.1, "no direction is better"


@pytest.mark.parametrize("name", ["snail", "mann"])
def test_sequences_hang_on_the_order_of_the_support_rows(name):
    learner = il.ALGORITHMS[name](inputs=2, targets=1, **SMALL[name])
    meta, task = learner.init(torch.Generator().manual_seed(0)), lines(0, inputs=2)[0]
    turned = il.Examples(task.support.x.flip(0), task.support.y.flip(0))
    here, there = (
        learner.predict(meta, learner.adapt(meta, s), task.query.x) for s in (task.support, turned)
    )
    assert learner.method.ordered
    assert not torch.allclose(here, there)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("targets", [0, 1])
def test_an_empty_support_set_gives_the_prior(name, targets):
    learner = il.ALGORITHMS[name](inputs=2, targets=targets, **SMALL[name])
    meta = learner.init(torch.Generator().manual_seed(0))
    y = torch.zeros(0, 1) if targets else torch.zeros(0, dtype=torch.long)
    nothing = il.Examples(torch.zeros(0, 2), y, ways=None if targets else 3)
    answers = learner.predict(meta, learner.adapt(meta, nothing), torch.randn(4, 2))
    assert answers.isfinite().all()
    if not targets:
        torch.testing.assert_close(answers, answers[:, :1].expand(-1, 3))


def test_a_memory_takes_its_slots_in_turn_and_overwrites_the_oldest():
    learner = il.mann(inputs=2, targets=1, width=8, slots=4, heads=1)
    meta = learner.init(torch.Generator().manual_seed(0))
    for rows in (2, 9):
        x = torch.randn(rows, 2)
        past = learner.adapt(meta, il.Examples(x, x[:, :1]))
        used = past.memory[0].abs().sum(-1) > 0.1
        assert int(used.sum()) == min(rows, 4)
