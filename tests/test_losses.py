import pytest
import torch
from torch.nn import functional as F

import innerloop as il
from innerloop import Examples, InputError, losses


def test_the_targets_say_which_loss():
    assert losses.default_for(torch.tensor([0, 1])) is losses.cross_entropy
    assert losses.default_for(torch.tensor([0.0])) is losses.mse


def test_mse_refuses_shapes_that_would_broadcast():
    with pytest.raises(InputError, match=r"got \(3, 1\) and \(3,\)"):
        losses.mse(torch.zeros(3, 1), torch.zeros(3))


def test_mean_over_the_real_rows():
    outputs, y = torch.tensor([[1.0], [5.0], [9.0]]), torch.zeros(3, 1)
    examples = Examples(y, y, mask=torch.tensor([True, True, False]))
    assert losses.mean_loss(None, outputs, examples) == 13
    assert losses.mean_loss(None, outputs, Examples(y, y)) == pytest.approx(107 / 3)


def test_a_row_that_pads_may_hold_anything():
    outputs = torch.tensor([[1.0], [torch.inf]], requires_grad=True)
    y = torch.zeros(2, 1)
    examples = Examples(y, y, mask=torch.tensor([True, False]))
    assert losses.mean_loss(None, outputs, examples) == 1


def test_an_episode_of_padding_alone_has_no_loss():
    y = torch.zeros(2, 1)
    nothing = Examples(y, y, mask=torch.zeros(2, dtype=torch.bool))
    assert losses.mean_loss(None, y + 1, nothing) == 0


def test_only_the_task_s_classes_compete():
    outputs = torch.tensor([[1.0, 2.0, 50.0]])
    examples = Examples(torch.zeros(1, 1), torch.tensor([1]), ways=2)
    expected = F.cross_entropy(outputs[:, :2], examples.y)
    assert losses.mean_loss(None, outputs, examples) == expected


def test_a_model_needs_an_output_per_class():
    examples = Examples(torch.zeros(1, 1), torch.tensor([4]))
    with pytest.raises(InputError, match="it has 5 ways, the model has 3 outputs; lower ways"):
        losses.mean_loss(None, torch.zeros(1, 3), examples)


def test_a_loss_must_answer_per_example():
    y = torch.zeros(2, 1)
    with pytest.raises(InputError, match=r"got shape \(\) for 2 examples; use reduction='none'"):
        losses.mean_loss(F.mse_loss, y, Examples(y, y))


def test_labels_of_which_a_row_may_have_several_are_told_one_by_one():
    outputs, y = (
        torch.tensor([[2.0, -1.0], [0.5, 3.0]]),
        torch.tensor([[True, False], [False, True]]),
    )
    assert losses.default_for(y) is losses.binary_cross_entropy
    expected = -torch.where(y, outputs.sigmoid(), 1 - outputs.sigmoid()).log().mean(1)
    torch.testing.assert_close(losses.binary_cross_entropy(outputs, y), expected)
    assert losses.mean_loss(None, outputs, Examples(outputs, y)) == pytest.approx(
        float(expected.mean())
    )
    assert Examples(outputs, y).ways is None
    with pytest.raises(
        InputError, match=r"got \(2, 2\) and \(2, 1\); give the model one output per"
    ):
        losses.binary_cross_entropy(outputs, y[:, :1])


def test_targets_of_the_wrong_kind_are_refused():
    with pytest.raises(il.InputError, match=r"mse compares numbers, but the targets are int64"):
        il.losses.mse(torch.zeros(2, 1), torch.zeros(2, 1, dtype=torch.int64))
    with pytest.raises(il.InputError, match=r"cross_entropy needs class numbers.*are float32"):
        il.losses.cross_entropy(torch.zeros(2, 3), torch.zeros(2))
