import torch

from innerloop.tasks import digits
from innerloop.tasks.base import SPLITS


def test_all_splits_hold_the_ten_digits():
    tasks = digits(ways=10)
    for split in SPLITS:
        bank = tasks.split(split).bank
        assert bank.names == tuple(f"digits/{d}" for d in range(10))
        assert len(bank.images) == 1797


def test_splits_draw_other_episodes():
    tasks = digits()
    assert not torch.equal(tasks.train.sample().support.x, tasks.test.sample().support.x)


def test_digits_are_ink_in_a_margin_at_every_size():
    for size in (28, 32, 84):
        tasks = digits(size=size)
        images = tasks.test.bank.images
        assert tasks.input_shape == images.shape[1:] == (1, size, size)
        edge = torch.cat(
            [images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], -1
        )
        assert edge.max() == 0
        assert 0.1 < images.float().mean() / 255 < 0.3


def test_a_digit_looks_like_its_class():
    """The nearest class mean, of half of the images, names most of the others."""
    bank = digits().test.bank
    means = torch.stack([bank.of(d)[::2].float().mean(0).flatten() for d in range(10)])
    right = [
        (torch.cdist(bank.of(d)[1::2].float().flatten(1), means).argmin(1) == d).float().mean()
        for d in range(10)
    ]
    assert torch.stack(right).mean() > 0.8
