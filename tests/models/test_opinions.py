import pytest
import torch

from innerloop.models.opinions import CONSTANT, KERNELS, OPINIONS, Opinions, rank


@pytest.fixture(scope="module")
def opinions():
    return Opinions().double()


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_an_opinion_of_a_support_row_is_what_the_others_would_say(opinions):
    x, y = rows(9, 3), rows(9, 2, seed=1)
    near = opinions.near(x, x)
    said = opinions.learn(near, y)[1]  # (2, 9, opinions)
    for left_out in (0, 5):
        others = [i for i in range(9) if i != left_out]
        weights, _ = opinions.learn(near[:, others][:, :, others], y[others])
        alone = opinions.say(near[:, [left_out]][:, :, others], weights)
        assert torch.allclose(said[:, [left_out]], alone)


def test_an_opinion_is_kernel_ridge_regression(opinions):
    x, y = rows(9, 3), rows(9, 1, seed=1)
    weights, _ = opinions.learn(opinions.near(x, x), y)
    queries = rows(4, 3, seed=2)
    said = opinions.say(opinions.near(queries, x), weights)[0]
    kernel = opinions.near(x, x)[1] + CONSTANT
    by_hand = torch.linalg.solve(kernel + opinions.ridge[1, 0].exp() * torch.eye(9), y)
    expected = (opinions.near(queries, x)[1] + CONSTANT) @ by_hand
    assert torch.allclose(said[:, 2], expected[:, 0])


def test_neither_the_order_of_features_nor_constant_ones_matter(opinions):
    x, support = rows(4, 3), rows(9, 3, seed=1)
    near = opinions.near(x, support)
    assert near.shape == (len(KERNELS), 4, 9)
    assert torch.allclose(opinions.near(x[:, [2, 0, 1]], support[:, [2, 0, 1]]), near)
    wide = [torch.cat([side, torch.zeros(len(side), 4)], 1) for side in (x, support)]
    assert torch.allclose(opinions.near(*wide), near)


def test_a_row_is_nearest_to_itself(opinions):
    x = rows(9, 3)
    near = opinions.near(x, x)[1:]
    assert torch.allclose(near.diagonal(dim1=1, dim2=2), torch.ones(len(KERNELS) - 1, 9).double())
    assert (near <= 1 + 1e-9).all()


def test_ranks_survive_a_stretch_of_a_feature():
    x = torch.arange(8.0).double()[:, None]
    assert torch.allclose(rank(x, x), rank(3 * x + 1, 3 * x + 1), atol=0.01)
    assert torch.allclose(rank(x, x)[:, 0], (torch.arange(8.0).double() + 0.5) / 8, atol=0.01)


def test_a_single_labelled_row_is_no_trouble(opinions):
    x = rows(1, 3) * 0
    weights, said = opinions.learn(opinions.near(x, x), torch.ones(1, 2).double())
    assert said.shape == (2, 1, OPINIONS)
    assert said.abs().max() < 1e-9
    assert opinions.say(opinions.near(x, x), weights).isfinite().all()
