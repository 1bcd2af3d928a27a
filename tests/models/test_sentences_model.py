"""The mix of encoded sentences and n-grams: before it has learnt it is the mix of what is given."""

from __future__ import annotations

import pytest
import torch

import innerloop as il
from innerloop import InputError

MODEL = {"encoded": 6, "ngrams": 40, "width": 200}


def given(rows=8):
    x = torch.randn(rows, 46, generator=torch.Generator().manual_seed(0)).double()
    parts = x.split([6, 40], 1)
    return torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], 1)


def features(x, **settings):
    network = il.models.Encoder(il.models.sentences(**{**MODEL, **settings}).double())
    params, buffers = network.init(torch.Generator().manual_seed(0))
    return network, params, network.apply(params, buffers, x)


@pytest.mark.parametrize("mix", [0.5, 2.0])
def test_untrained_products_are_those_of_the_mix(mix):
    x = given()
    z, grams = x.split([6, 40], 1)
    wanted = z @ z.T + mix**2 * grams @ grams.T
    made = features(x, mix=mix, width=None)[2]
    assert torch.allclose(made @ made.T, wanted, atol=1e-6)
    made = features(x, mix=mix, width=4000)[2]
    assert torch.allclose(made @ made.T, wanted, atol=0.1 * mix**2)


def test_a_sentence_without_ngrams_is_finite_and_so_is_its_gradient():
    x = given()
    x[0, 6:] = 0
    network, params, _ = features(x)

    def loss(params):
        return network.apply(params, {}, x).square().sum()

    grads = torch.func.grad(loss)(params)
    assert all(g.isfinite().all() for g in grads.values())


def test_rows_do_not_depend_on_each_other():
    x = given()
    _, _, together = features(x)
    alone = torch.cat([features(x[n : n + 1])[2] for n in range(len(x))])
    assert torch.allclose(together, alone, atol=1e-12)


def test_a_mix_of_nothing_is_refused():
    with pytest.raises(InputError, match=r"mix must be a finite number above 0, got -0.5"):
        il.models.sentences(mix=-0.5)
