"""Semantic similarity of sets of findings (Resnik 1995, arXiv:cmp-lg/9511007; the Phenomizer: Köhler et
al. 2009, doi:10.1016/j.ajhg.2009.09.003), with weights that are learnt across tasks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from innerloop.core import Episode, Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner.prototypes import (
    add_classes,
    class_means,
    class_sums,
    membership,
    require_classes,
    without_absent,
)
from innerloop.losses import Loss, mean_loss
from innerloop.models import Encoder
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree, rows, tree_map

WEIGHTS = "semantic.weights"
OPINIONS = ("cosine", "person", "found", "finds", "found in one", "terms", "kinds")
SMOOTHING = 5.0  # patients like anyone, added to a class's own, for naive Bayes
MANY = 1_000  # kinds: to compare so many takes its time
RARE = (1e-4, 1 - 1e-4)


class Layout(NamedTuple):
    """terms: (a,) how much a term tells, log(1 / its share of all patients); kinds: (b,) likewise.
    own: (a,) what a term tells as a kind. levels: the kinds from the most general on, (which (m,), their
    parents (m, p) as places among those of the levels before, 0 for none), places being counted from 1.
    place: (a,) each term's.
    """

    terms: Tensor
    kinds: Tensor
    own: Tensor
    levels: tuple[tuple[Tensor, Tensor], ...]
    place: Tensor

    def like(self, x: Tensor) -> Layout:
        """The same on the device of x and in its numbers."""
        levels = tuple((which.to(x.device), up.to(x.device)) for which, up in self.levels)
        return Layout(
            self.terms.to(x), self.kinds.to(x), self.own.to(x), levels, self.place.to(x.device)
        )

    def reach(self, has_kind: Tensor) -> Tensor:
        """(n, a) the most telling kind that a term shares with each row, of rows (n, b) of 0 and 1.

        reach(t) = max(told by t, if the row has it; reach of what t is a kind of)
        """
        told = (
            has_kind * self.kinds
        ).T  # (b, n): whole lines are picked, which is many times faster
        found = torch.zeros_like(has_kind.sum(1, keepdim=True)).T
        for which, up in self.levels:
            found = torch.cat([found, torch.maximum(told[which], found[up].amax(1))])
        return found[self.place].T


class Row(NamedTuple):
    """What is compared of each row. features: (n, f), of length 1. person: (n, d - a - b) likewise.
    terms, kinds: (n, a), (n, b) 1 where it has them. share: (n, a) each term's of all that the row
    tells. reach: (n, a) how much of what a term tells is found in this row."""

    features: Tensor
    person: Tensor
    terms: Tensor
    kinds: Tensor
    share: Tensor
    reach: Tensor


@dataclass(frozen=True)
class Semantic:
    network: Encoder
    loss: Loss | None
    scale: float
    layout: Layout = field(repr=False)
    single_pass = True

    @property
    def is_heavy(self) -> bool:
        return len(self.layout.kinds) > MANY

    def init(self, generator: Generator | None = None) -> Meta:
        params, state = self.network.init(generator)
        weights = next(iter(params.values()), torch.zeros(())).new_zeros(len(OPINIONS))
        weights[0] = self.scale
        return Meta({**params, WEIGHTS: weights}, state)

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Tree:
        require_classes("semantic", support)
        return self._learn(
            self._row(self.network.apply(*_split(meta), support.x), support.x), support
        )

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self._answer(meta, fast, self._row(self.network.apply(*_split(meta), x), x))

    def observe(self, meta: Meta, fast: Tree, more: Examples) -> Tree:
        """More patients of a known class, or the first of a new one: sums are added to."""
        new = self.adapt(meta, more)
        sums = {name: add_classes(fast["sums"][name], new["sums"][name]) for name in new["sums"]}
        ways = len(sums["features"]["counts"])
        old, best = (F.pad(f["best"], (0, 0, 0, ways - len(f["best"]))) for f in (fast, new))
        return {"sums": sums, "best": torch.maximum(old, best)}

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        require_classes("semantic", episode.support)
        both = tree_map(lambda s, q: torch.cat([s, q]), episode.support.x, episode.query.x)
        features, state = self.network.observe(*_split(meta), both, training=True)
        row, first = self._row(features, both), rows(episode.support.x)
        fast = self._learn(Row(*(leaf[:first] for leaf in row)), episode.support)
        logits = self._answer(meta, fast, Row(*(leaf[first:] for leaf in row)))
        return mean_loss(self.loss, logits, episode.query), state

    def _learn(self, row: Row, support: Examples) -> Tree:
        """{"sums": of each part of a row by class, "best": (N, a) the furthest reach in a class}"""
        member = membership(support)  # (S, N)
        if support.mask is not None:
            member = member & support.mask[:, None]
        best = [
            torch.where(member[:, n, None], row.reach, 0.0).amax(0) for n in range(member.shape[1])
        ]
        sums = {name: class_sums(leaf, support) for name, leaf in row._asdict().items()}
        return {"sums": sums, "best": torch.stack(best)}

    def _answer(self, meta: Meta, fast: Tree, row: Row) -> Tensor:
        said = self.opinions(fast, row) @ meta.params[WEIGHTS]
        return without_absent(said, fast["sums"]["features"])  # (Q, N)

    def _row(self, features: Tensor, x: Tensor) -> Row:
        x = x.flatten(1)
        layout = self.layout.like(x)
        a, b = len(layout.terms), len(layout.kinds)
        has, has_kind = ((part != 0).to(x.dtype) for part in (x[:, :a], x[:, a : a + b]))
        told = has * layout.own
        share = told / told.sum(1, keepdim=True).clamp(min=1e-9)
        reach = layout.reach(has_kind) / layout.own.clamp(min=1e-9)
        features, person = (
            F.normalize(features.flatten(1), dim=1),
            F.normalize(x[:, a + b :], dim=1),
        )
        return Row(features, person, has, has_kind, share, reach)

    def opinions(self, fast: Tree, row: Row) -> Tensor:
        """(Q, N, opinions)"""
        sums, means = fast["sums"], {name: class_means(held) for name, held in fast["sums"].items()}
        each = [
            row.features @ F.normalize(means["features"], dim=1).T,
            row.person @ means["person"].T,
            row.share @ means["reach"].T,
            row.reach @ means["share"].T,
            row.share @ fast["best"].T,
            likelihood_ratio(row.terms, sums["terms"], self.layout.terms),
            likelihood_ratio(row.kinds, sums["kinds"], self.layout.kinds),
        ]
        return torch.stack(each, -1)


def likelihood_ratio(has: Tensor, classes: Params, told: Tensor) -> Tensor:
    """(Q, N) naive Bayes, of a class against anyone, for each thing that a row has.

        theta = (count + 5 p) / (examples + 5),   p = exp(-told)
        [sum over what it has of log theta / p + over what it lacks of log (1 - theta) / (1 - p)] / how many it has

    has: (Q, a) 0 or 1. classes: sums (N, a) and counts (N,). told: (a,).
    """
    p = (-told.to(has)).exp().clamp(*RARE)
    counts = classes["counts"][:, None]
    theta = ((classes["sums"] + SMOOTHING * p) / (counts + SMOOTHING)).clamp(*RARE)
    on, off = (theta / p).log(), ((1 - theta) / (1 - p)).log()
    return (has @ (on - off).T + off.sum(1)) / has.sum(1, keepdim=True).clamp(min=1)


def layout_of(terms: Mapping[str, float], kinds: Mapping[str, float]) -> Layout:
    """Kinds above kinds as the ontology has them; without any there is nothing to look up."""
    levels, place = levels_of(list(kinds)) if kinds else ([], {})
    return Layout(
        torch.tensor([*terms.values()], dtype=torch.float32),
        torch.tensor([*kinds.values()], dtype=torch.float32),
        torch.tensor([kinds.get(term, 0.0) for term in terms], dtype=torch.float32),
        tuple(levels),
        torch.tensor([place.get(term, 0) for term in terms], dtype=torch.int64),
    )


def levels_of(kinds: list[str]) -> tuple[list[tuple[Tensor, Tensor]], dict[str, int]]:
    """See `Layout`; a kind is a level below the lowest that it is a kind of."""
    from innerloop.tasks.medicine.ontology import ontology

    known = ontology()
    among = set(kinds)
    above = {kind: (known.ancestors(kind) - {kind}) & among for kind in kinds}
    depth: dict[str, int] = {}
    for kind in sorted(
        kinds, key=lambda kind: len(above[kind])
    ):  # whoever is above has fewer above
        depth[kind] = 1 + max((depth[up] for up in above[kind]), default=0)
    parents = {kind: above[kind].difference(*(above[up] for up in above[kind])) for kind in kinds}
    order = sorted(range(len(kinds)), key=lambda n: depth[kinds[n]])
    place = {kinds[n]: at for at, n in enumerate(order, 1)}
    levels = []
    for _, held in itertools.groupby(order, key=lambda n: depth[kinds[n]]):
        which = list(held)
        ups = [[place[up] for up in sorted(parents[kinds[n]])] for n in which]
        most = max(1, max(map(len, ups)))
        padded = [up + [0] * (most - len(up)) for up in ups]
        levels.append((torch.tensor(which), torch.tensor(padded)))
    return levels, place


def _split(meta: Meta) -> tuple[Params, Params]:
    return {n: p for n, p in meta.params.items() if n != WEIGHTS}, meta.state


@algorithm(encoder=True, steps=300, meta_batch=4, lr=0.3)
def semantic(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    terms: Mapping[str, float] | None = None,
    kinds: Mapping[str, float] | None = None,
    scale: float = 10.0,
) -> Semantic:
    """Compare patients by several measures, and learn across tasks how much to trust each.

        p(n | x) = softmax_n(sum_i w_i opinion_i(x, class n))

        cosine        of features f(x) of length 1 and the class's mean
        person        likewise of sex and age alone
        found         sum over x's terms of max IC of what they and the patient have in common, as a share
                      of the IC of x's terms; the mean over the class's patients
        finds         likewise, of the class's terms in x
        found in one  as `found`, each term in the patient of the class that has most of it
        terms, kinds  naive Bayes, smoothed by 5 patients like anyone

    IC of a finding is log(1 / share of meta-training's patients who have it or a kind of it).
    model: gives f(x), an encoder without an output layer; None takes x itself.
    terms, kinds: the first two parts of x with their IC, as `FindingInputs` makes it; None: x is
        all person.
    scale: the weight of the cosine at the start, where the others weigh nothing: untrained, this is the
        nearest mean by cosine. Without a model seven numbers are all that is learnt across tasks.
    Takes any number of ways; further examples and classes are added by `observe`.

    >>> import torch, innerloop as il
    >>> learner = il.semantic()
    >>> meta = learner.init()
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([0, 1])))
    >>> learner.predict(meta, fast, torch.eye(2)).argmax(1)
    tensor([0, 1])
    """
    if not scale > 0:
        raise InputError(
            f"scale must be above 0, got {scale}; 10 is usual.",
            f"scale 必须大于 0，收到 {scale}；通常用 10。",
        )
    features = Encoder(nn.Flatten() if model is None else model)
    return Semantic(features, loss, scale, layout_of(terms or {}, kinds or {}))
