import torch

from innerloop.tasks.small import in_width, standardised


def rows(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_scaling_is_by_support_rows_alone():
    support, query = rows(9, 3), rows(5, 3)
    once, first = standardised(support, query)
    assert torch.allclose(once.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(once.square().mean(0), torch.ones(3, dtype=torch.float64))
    assert torch.equal(standardised(support, query[:1])[1], first[:1])


def test_units_do_not_matter():
    support, query = rows(9, 3), rows(5, 3)
    unit = torch.tensor([1e-3, 1.0, 1e6])
    for one, other in zip(
        standardised(support, query),
        standardised(support * unit + 7, query * unit + 7),
        strict=True,
    ):
        assert torch.allclose(one, other)


def test_many_tables_are_scaled_as_one_is():
    support, query = rows(4, 9, 3), rows(4, 5, 3)
    both = standardised(support, query)
    for t in range(4):
        for side, alone in zip(both, standardised(support[t], query[t]), strict=True):
            assert torch.equal(side[t], alone)


def test_what_is_constant_in_the_support_is_zero_and_outliers_are_cut_off():
    support = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert standardised(support, torch.tensor([[9.0, 1e9]]))[1].tolist() == [[0.0, 5.0]]


def test_a_rows_length_does_not_depend_on_the_number_of_features():
    narrow, wide = in_width(12, torch.ones(3)), in_width(12, torch.ones(12))
    assert torch.allclose(narrow[0].square().sum(), wide[0].square().sum())
    assert narrow[0][3:].abs().sum() == 0
