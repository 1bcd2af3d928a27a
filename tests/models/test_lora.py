"""Adapters beside a frozen encoder of transformers, drawn at random and small."""

from __future__ import annotations

import copy

import pytest
import torch

import innerloop as il
from innerloop import Episodes, Examples, InputError
from innerloop.tree import tree_leaves, tree_map

transformers = pytest.importorskip("transformers")
LENGTH, WORDS = 6, 40


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = transformers.BertConfig(vocab_size=WORDS, intermediate_size=32, **small, **off)
    return transformers.BertModel(config, add_pooling_layer=False).double().eval()


def sentences(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, LENGTH + 1, (*shape, 1), generator=g)
    mask = (torch.arange(LENGTH) < lengths).long()
    return {
        "input_ids": torch.randint(1, WORDS, (*shape, LENGTH), generator=g) * mask,
        "attention_mask": mask,
    }


def episodes(tasks=3, ways=2):
    y = torch.arange(4).remainder(ways).repeat(tasks, 1)
    support, query = (Examples(sentences(tasks, 4, seed=n), y, ways=ways) for n in (1, 2))
    return Episodes(support, query, task=torch.arange(tasks))


def learners(encoder):
    headed, bare = il.models.lora(encoder, 2, rank=2), il.models.lora(encoder, rank=2)
    return {
        "maml": il.maml(headed.double(), inner_lr=0.1, moves="*.up,*.down"),
        "anil": il.anil(headed.double(), inner_lr=0.1),
        "protonet": il.protonet(bare.double()),
        "logistic": il.logistic(bare.double()),
    }


NAMES = ("maml", "anil", "protonet", "logistic")


def start(learner):
    """Adapters that are not zero, so that both of their sides have a gradient."""
    meta = learner.init(torch.Generator().manual_seed(0))
    return il.Meta({n: p.double() + 0.05 for n, p in meta.params.items()}, meta.state)


@pytest.mark.parametrize("name", NAMES)
def test_all_tasks_at_once_equal_one_after_the_other(encoder, name):
    learner = learners(encoder)[name]
    meta = start(learner)
    together = learner.on_path("vmap").gradient(meta, episodes())
    in_turn = learner.on_path("loop").gradient(meta, episodes())
    pairs = zip(tree_leaves(together), tree_leaves(in_turn), strict=True)
    assert max(float((a.double() - b.double()).abs().max()) for a, b in pairs) < 1e-10
    assert sum(float(g.abs().sum()) for g in together.grads.values()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_was_pretrained_stays_and_adapting_leaves_meta(encoder, name):
    learner = learners(encoder)[name]
    meta = start(learner)
    before = copy.deepcopy(meta)
    one = episodes()[0]
    fast = learner.adapt(meta, one.support)
    learner.predict(meta, fast, one.query.x)
    assert all(map(torch.equal, tree_leaves(meta), tree_leaves(before)))
    learnt = [n for n in meta.params if not n.startswith(("head.", "logistic."))]
    assert all(n.endswith((".up", ".down")) for n in learnt)
    own = dict(encoder.named_parameters())
    kept = {n: b for n, b in meta.state.items() if n.endswith("word_embeddings.weight")}
    assert [torch.equal(b, own[n.removeprefix("encoder.")]) for n, b in kept.items()] == [True]


def test_maml_moves_adapters_alone_and_a_fresh_adapter_changes_nothing(encoder):
    learner = learners(encoder)["maml"]
    fast = learner.adapt(start(learner), episodes()[0].support)
    assert all(n.endswith((".up", ".down")) for n in fast["params"])
    net, x = il.models.lora(encoder, rank=2).double(), sentences(5)
    hidden = encoder(**x).last_hidden_state
    real = x["attention_mask"].double()[..., None]
    assert (net(**x) - (hidden * real).sum(1) / real.sum(1)).abs().max() < 1e-10


def test_tokens_that_pad_change_nothing(encoder):
    net, x = il.models.lora(encoder, rank=2).double(), sentences(5)
    longer = tree_map(lambda leaf: torch.nn.functional.pad(leaf, (0, 3)), x)
    assert (net(**x) - net(**longer)).abs().max() < 1e-10


def test_what_is_no_encoder_is_refused():
    with pytest.raises(InputError, match="lora takes an encoder of transformers"):
        il.models.lora(torch.nn.Linear(2, 2))
