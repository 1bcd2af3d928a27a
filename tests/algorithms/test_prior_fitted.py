import pytest
import torch

import innerloop as il


@pytest.fixture(scope="module")
def learner():
    return il.prior_fitted(width=8, layers=1, heads=2)


@pytest.fixture(scope="module")
def tables():
    return il.tasks.structural(shots=20, queries=20, ways=2, features=(2, 6))


def start(learner):
    return learner.init(torch.Generator().manual_seed(0))


def accuracy(learner, meta, episodes):
    right = []
    for episode in episodes:
        fast = learner.adapt(meta, episode.support)
        answers = learner.predict(meta, fast, episode.query.x).argmax(-1)
        right.append((answers == episode.query.y).float().mean())
    return float(torch.stack(right).mean())


def test_it_knows_before_it_is_trained_what_kernel_methods_know(learner, tables):
    episodes = tables.test.sample(tasks=64)
    common = [e.query.y.bincount().max() / len(e.query.y) for e in episodes]
    best_guess = float(torch.stack(common).mean())
    assert accuracy(learner, start(learner), episodes) > best_guess


def test_it_learns_whom_to_trust(learner, tables):
    meta = start(learner)
    held = tables.test.sample(tasks=64)
    before = float(learner.gradient(meta, held).losses.mean())
    optimiser = torch.optim.Adam([p.requires_grad_() for p in meta.params.values()], lr=1e-2)
    for step in range(20):
        now = il.Meta({n: p.detach() for n, p in meta.params.items()}, meta.state)
        found = learner.gradient(now, tables.train.sample(index=step, tasks=8))
        for name, p in meta.params.items():
            p.grad = found.grads[name]
        optimiser.step()
    now = il.Meta({n: p.detach() for n, p in meta.params.items()}, meta.state)
    assert float(learner.gradient(now, held).losses.mean()) < before - 0.02


def test_a_table_may_have_any_number_of_features_in_any_order(learner):
    meta, g = start(learner), torch.Generator().manual_seed(1)
    x, y = torch.randn(12, 90, generator=g), torch.tensor([0, 1, 2] * 4)
    queries = torch.randn(5, 90, generator=g)
    order = torch.randperm(90, generator=g)

    def answers(x, queries):
        fast = learner.adapt(meta, il.Examples(x, y))
        return learner.predict(meta, fast, queries)

    assert torch.allclose(answers(x, queries), answers(x[:, order], queries[:, order]), atol=1e-4)
    narrow = answers(x[:, :1], queries[:, :1])
    assert narrow.shape == (5, 3)
    assert narrow.isfinite().all()


def test_the_unit_of_a_feature_does_not_matter(learner):
    meta, g = start(learner), torch.Generator().manual_seed(1)
    x, y = torch.randn(12, 4, generator=g), torch.tensor([0, 1] * 6)
    unit = torch.tensor([1e-3, 1.0, 50.0, 1e4])
    for one, other in ((x, x * unit), (x, x + 20)):
        first, second = (
            learner.predict(meta, learner.adapt(meta, il.Examples(side, y)), side)
            for side in (one, other)
        )
        assert torch.allclose(first, second, atol=1e-2)


def test_numbers_are_refused_in_a_sentence(learner):
    with pytest.raises(il.InputError, match="prior_fitted tells classes apart"):
        learner.adapt(start(learner), il.Examples(torch.zeros(4, 2), torch.zeros(4, 1)))
