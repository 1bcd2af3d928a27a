"""Rows that know who shares a class with whom, and no more."""

import torch

from innerloop.models.kin import KinBlock, KinTokens


def network():
    torch.manual_seed(0)
    return KinTokens(2, width=8, layers=2, heads=2).double()


def classes(*labels: int, ways: int):
    return torch.nn.functional.one_hot(torch.tensor(labels), ways).bool()


def test_a_row_is_drawn_to_its_kin():
    block, tokens = KinBlock(8, 2).double(), torch.randn(3, 8, dtype=torch.float64)
    same = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.float64)
    with torch.no_grad():
        block.pull.weight.fill_(1e6)  # now it looks at them alone
    together, _ = block.among(tokens, same)
    alone, _ = block.among(tokens[1:2], same[1:2, 1:2])
    torch.testing.assert_close(together[1:2], alone)
    a_query, known = block.among(tokens, 0 * same)
    torch.testing.assert_close(a_query, block(tokens, known))


def test_of_an_empty_support_set_all_classes_are_alike():
    net, x = network(), torch.randn(4, 2, dtype=torch.float64)
    y = torch.zeros(0, 3, dtype=torch.bool)
    answers = net.both(x[:0], y, x)
    assert answers.isfinite().all()
    torch.testing.assert_close(answers, answers[:, :1].expand(-1, 3))
    torch.testing.assert_close(answers, net.decode(net.encode(x[:0], y), x))


def test_who_shares_a_class_matters_beyond_the_answer_s_order():
    net, x = network(), torch.randn(4, 2, dtype=torch.float64)
    here, there = (
        net.embed(net.encode(x, classes(*labels, ways=2)))
        for labels in ((0, 0, 1, 1), (0, 1, 0, 1))
    )
    assert not torch.allclose(here, there)
    named_otherwise = net.embed(net.encode(x, classes(1, 1, 0, 0, ways=2)))
    torch.testing.assert_close(here, named_otherwise)
