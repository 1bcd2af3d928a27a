"""What `semantic` compares, held against the definitions said slowly."""

import math

import pytest
import torch

import innerloop as il
from innerloop import Examples, InputError
from innerloop.algorithms import semantic as constructor
from innerloop.algorithms.semantic import OPINIONS, layout_of
from innerloop.tasks.medicine import ontology as module
from innerloop.tasks.medicine.ontology import Ontology

PARENTS = {
    "top": (),
    "left": ("top",),
    "right": ("top",),
    "both": ("left", "right"),
    "leaf": ("both",),
}
KINDS = {"leaf": 5.0, "both": 3.0, "left": 1.0, "right": 2.0, "top": 0.5}
TERMS = {"leaf": 5.0, "left": 1.5, "right": 2.5}


@pytest.fixture
def small(monkeypatch):
    known = Ontology({name: name for name in PARENTS}, PARENTS, {})
    monkeypatch.setattr(module, "ontology", lambda: known)
    return known


def patient(known, *found):
    kinds = set().union(*(known.ancestors(term) for term in found))
    return torch.tensor(
        [float(t in found) for t in TERMS] + [float(k in kinds) for k in KINDS] + [1.0]
    )


def test_reach_is_the_most_telling_kind_in_common(small):
    people = [("leaf",), ("left",), ("right", "left"), ("right",)]
    x = torch.stack([patient(small, *found) for found in people])
    reach = layout_of(TERMS, KINDS).reach(x[:, 3:8])
    for row, found in zip(reach, people, strict=True):
        shown = set().union(*(small.ancestors(term) for term in found))
        slow = [max(KINDS[k] for k in small.ancestors(term) & shown) for term in TERMS]
        assert row.tolist() == slow


def test_opinions_are_those_of_the_docstring(small):
    learner = il.semantic(terms=TERMS, kinds=KINDS)
    meta = learner.init()
    x = torch.stack(
        [patient(small, "leaf"), patient(small, "left", "right"), patient(small, "left")]
    )
    fast = learner.adapt(meta, Examples(x[:2], torch.tensor([0, 0])))
    [[said]] = learner.method.opinions(fast, learner.method._row(x[2:], x[2:])).tolist()
    found = dict(zip(OPINIONS, said, strict=True))
    unit = torch.nn.functional.normalize(x, dim=1)
    assert found["cosine"] == pytest.approx(
        torch.cosine_similarity(unit[2], unit[:2].mean(0), dim=0).item()
    )
    assert found["person"] == pytest.approx(1)
    assert found["found"] == pytest.approx(1)  # both have "left", or a kind of it
    share = [1 * KINDS["left"] / KINDS["leaf"], (1 / 3) * 1 + (2 / 3) * (0.5 / 2)]
    assert found["finds"] == pytest.approx(sum(share) / 2, abs=1e-6)
    assert found["found in one"] == pytest.approx(1)
    slow = 0.0
    for term, told in TERMS.items():
        p = min(math.exp(-told), 1 - 1e-4)
        count = {"leaf": 1, "left": 1, "right": 1}[term]
        theta = (count + 5 * p) / 7
        slow += math.log(theta / p) if term == "left" else math.log((1 - theta) / (1 - p))
    assert found["terms"] == pytest.approx(slow, rel=1e-5)


def test_untrained_it_is_the_nearest_mean_by_cosine():
    x, y = torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 2, 2])
    learner = il.semantic()
    logits = learner.predict(learner.init(), learner.adapt(learner.init(), Examples(x, y)), x)
    unit = torch.nn.functional.normalize(x, dim=1)
    means = torch.nn.functional.normalize(unit.view(3, 2, 4).mean(1), dim=1)
    assert torch.allclose(logits, 10 * unit @ means.T, atol=1e-5)


def test_a_scale_is_above_zero():
    with pytest.raises(InputError, match="scale must be above 0, got 0"):
        constructor(scale=0)
