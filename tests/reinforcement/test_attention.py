"""Read at once or step by step, a transformer says the same."""

import torch

from innerloop.reinforcement.networks.attention import along, asked, read, transformer_weights


def test_step_by_step_is_as_at_once():
    generator = torch.Generator().manual_seed(0)
    params = {
        name: leaf.double() for name, leaf in transformer_weights("t", 8, 2, generator).items()
    }
    tokens = torch.randn(3, 5, 8, generator=generator, dtype=torch.float64)
    questions = torch.randn(3, 5, 8, generator=generator, dtype=torch.float64)
    whole = along(params, "t", 2, 2, tokens, questions)
    known = None
    for i in range(5):
        known = read(params, "t", 2, 2, tokens[:, i], known)
        one = asked(params, "t", 2, 2, questions[:, i], known)
        assert torch.allclose(one, whole[:, i], atol=1e-10)


def test_the_order_of_what_was_read_by_one_layer_does_not_matter():
    generator = torch.Generator().manual_seed(1)
    params = transformer_weights("t", 8, 1, generator)
    tokens, question = torch.randn(4, 8, generator=generator), torch.randn(8, generator=generator)
    answers = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        known = None
        for i in order:
            known = read(params, "t", 1, 2, tokens[i], known)
        answers.append(asked(params, "t", 1, 2, question, known))
    assert torch.allclose(*answers, atol=1e-6)
