"""Step by step, and yet torch's own answers."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from innerloop.models.recurrence import with_unrolled_recurrence

LAYERS = {
    "lstm": lambda: nn.LSTM(3, 4, num_layers=2),
    "projected": lambda: nn.LSTM(3, 4, proj_size=2, bidirectional=True, batch_first=True),
    "gru": lambda: nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True),
    "plain": lambda: nn.GRU(3, 4, bias=False),
    "rnn": lambda: nn.RNN(3, 4, nonlinearity="relu", num_layers=2),
}
every = pytest.mark.parametrize("name", LAYERS)


def both(make):
    """The layer, and a copy that runs step by step."""
    layer = make().double()
    copy = make().double()
    copy.load_state_dict(layer.state_dict())
    return layer, with_unrolled_recurrence(copy)


@every
@pytest.mark.parametrize("shape", [(5, 2), (5,)], ids=["rows", "one row"])
@pytest.mark.parametrize("started", [False, True])
def test_outputs_and_last_state_are_torch_s(name, shape, started):
    layer, ours = both(LAYERS[name])
    x = torch.randn(*shape, 3, dtype=torch.float64)
    state = None
    if started:
        state = torch.utils._pytree.tree_map(torch.randn_like, layer(x)[1])
    torch.testing.assert_close(ours(x, state), layer(x, state), rtol=1e-12, atol=1e-12)


@every
def test_a_packed_sequence_goes_the_layer_s_own_way(name):
    layer, ours = both(LAYERS[name])
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True)
    answers = [pad_packed_sequence(made(packed)[0]) for made in (layer, ours)]
    torch.testing.assert_close(answers[0], answers[1])


@pytest.mark.parametrize("make", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_cells_too(make, shape):
    layer, ours = both(lambda: make(3, 4))
    x = torch.randn(shape, dtype=torch.float64)
    state = layer(x)
    torch.testing.assert_close(ours(x), state)
    torch.testing.assert_close(ours(x, state), layer(x, state))


def test_dropout_between_layers_is_drawn_in_training_alone():
    layer = with_unrolled_recurrence(nn.GRU(3, 4, num_layers=2, dropout=0.5))
    x = torch.randn(5, 2, 3)
    assert (layer(x)[0] != layer(x)[0]).any()
    layer.eval()
    assert (layer(x)[0] == layer(x)[0]).all()


def test_a_forward_of_the_user_s_own_is_left_alone():
    class Doubled(nn.GRU):
        def forward(self, x, state=None):
            outputs, last = super().forward(x, state)
            return 2 * outputs, last

    layer, ours = both(lambda: Doubled(3, 4))
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(ours(x), layer(x))
