"""The Penn Machine Learning Benchmarks: small tables, each of them a task
(Olson et al. 2017, arXiv:1703.00512; Romano et al. 2021, arXiv:2012.00058)."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from innerloop.arguments import checked
from innerloop.episodes import Span, ends
from innerloop.errors import InputError
from innerloop.tasks.archives import content_digest, members
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.data import locate
from innerloop.tasks.small.stream import SmallTable, SmallTableStream
from innerloop.tasks.splitting import place

CUTS = (0.3, 0.5)  # families below the first are for training, from the second on for test
FEATURES = 30


@dataclass(frozen=True)
class Published:
    """What the index says of a set. family: sets that are one another's copies, recodings or parts
    have one name; classes: None for regression."""

    name: str
    family: str
    kind: str
    rows: int
    features: int
    classes: int | None
    digest: str

    @property
    def split(self) -> str:
        at = place(self.family, 0)
        return SPLITS[sum(at >= cut for cut in CUTS)]


@functools.cache
def published() -> tuple[Published, ...]:
    """All 192 sets by name, whether they are here or not."""
    text = (files("innerloop.tasks") / "splits" / "pmlb.json").read_text("utf-8")
    return tuple(Published(name, **facts) for name, facts in json.loads(text)["sets"].items())


@checked()
def pmlb(
    *,
    shots: Span = 20,
    queries: Span = (25, 100),
    ways: Span | None = None,
    kind: Literal["classification", "regression"] = "classification",
    features: int = FEATURES,
) -> Tasks:
    """Real tables from medicine, trade, physics ... of up to 30 features; each one is a task.

    shots: labelled rows of a task in all; classes come as often as they do in the table, but each
        at least once. queries: up to so many of its other rows; tables with fewer than the smaller number
        are left out.
    ways: classes that a table may have; None for 2 to 10 (fewer where shots are).
    kind: 106 tables have classes, 70 a number to predict, which is standardised by the labelled
        rows. features: tables with more are left out.

    x: (rows, features): every feature standardised by the task's labelled rows, categories being
    the numbers that PMLB stores; narrower tables are filled up with zeros, and the row is scaled by
    sqrt(features / those that the table has). Tables that are one another's copies, recodings or
    parts (cleve, cleveland, heart_c ...) are in one split, dealt out by a hash of the family's name,
    about 30 / 20 / 50 %: most who come here bring a learner that was trained elsewhere.

    The tables are read from the data root (`innerloop data fetch pmlb`).
    """
    if features < 1:
        raise InputError(
            f"features must be at least 1, got {features}; 30 admits most of PMLB's tables.",
            f"features 至少为 1，收到 {features}；30 可容纳 PMLB 的大多数表格。",
        )
    if kind == "classification" and ways is None:
        ways = (2, min(10, ends(shots)[0])) if ends(shots)[0] > 2 else 2
    chosen = [p for p in published() if p.kind == kind and p.features <= features]
    tables = read_tables(tuple(chosen))
    streams: dict[str, Any] = {
        split: SmallTableStream(
            name=f"pmlb/{split}",
            shots=shots,
            queries=queries,
            ways=ways,
            kind=kind,
            features=features,
            tables=tuple(t for t, p in zip(tables, chosen, strict=True) if p.split == split),
        )
        for split in SPLITS
    }
    settings = {"shots": shots, "queries": queries, "ways": ways, "kind": kind}
    return Tasks(
        "pmlb",
        kind,
        **streams,
        settings={**settings, "features": features},
        input_shape=(features,),
    )


def read_tables(chosen: tuple[Published, ...]) -> tuple[SmallTable, ...]:
    """From the data root; a set's number is its place among all, so it has the same one always."""
    paths = {path.name.partition(".tsv")[0]: path for path in locate("pmlb")}
    numbers = {p.name: number for number, p in enumerate(published())}
    return tuple(read_table(paths[p.name], p, numbers[p.name]) for p in chosen)


@functools.lru_cache(maxsize=256)
def read_table(path: Path, expected: Published, number: int) -> SmallTable:
    found = list(members(path))
    if content_digest(found) != expected.digest:
        raise InputError(
            f"{path} must hold the table as published, but differs from it; delete it and run "
            "`innerloop data fetch pmlb`.",
            f"{path} 应为官方发布的表格，但内容不符；请删除后运行 `innerloop data fetch pmlb`。",
        )
    head, *lines = found[0][1].decode().splitlines()
    cells = np.loadtxt(lines, delimiter="\t", ndmin=2)
    at = head.split("\t").index("target")
    x = np.delete(cells, at, 1)
    y: np.ndarray = cells[:, at]
    if expected.kind == "classification":
        y = np.unique(y, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return SmallTable(expected.name, expected.family, number, x, y)
