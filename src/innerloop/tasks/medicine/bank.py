"""Patients of many diseases, and episodes whose support and query come from different publications."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, most, spelt
from innerloop.episodes.spans import drawn
from innerloop.errors import InputError
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.medicine.blocks import parts
from innerloop.tasks.medicine.patients import Patient

TRIES = 1_000  # random orders of a disease's publications until one parts them


@dataclass(frozen=True, eq=False)
class Rows:
    """Many sparse rows of x, in the layout of compressed sparse rows.

    starts: (rows + 1,) where each row's entries begin; columns, values: (entries,). width: of x.
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, rows: Sequence[Mapping[int, float]], width: int) -> Rows:
        counts = np.array([0, *map(len, rows)])
        columns = [column for row in rows for column in row]
        values = [value for row in rows for value in row.values()]
        return cls(
            counts.cumsum(), np.array(columns, np.int64), np.array(values, np.float32), width
        )

    def dense(self, numbers: np.ndarray) -> Tensor:
        """(n, width) float32 of the rows of these numbers."""
        counts = self.starts[numbers + 1] - self.starts[numbers]
        row = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        at = np.repeat(self.starts[numbers], counts) + within
        x = torch.zeros(len(numbers), self.width)
        x[torch.from_numpy(row), torch.from_numpy(self.columns[at])] = torch.from_numpy(
            self.values[at]
        )
        return x


@dataclass(frozen=True, eq=False)
class PatientBank:
    """Patients disease after disease, within a disease publication after publication.

    patients: as they lie. labels: disease -> its name. rows: their x, one each.
    """

    patients: tuple[Patient, ...]
    labels: Mapping[str, str]
    rows: Rows

    def __repr__(self) -> str:
        return f"PatientBank({len(self.patients)} patients, {len(self.names)} diseases)"

    @cached_property
    def reports(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """Of each disease its publications, each the places of its patients within the disease."""
        held: dict[str, dict[str, list[int]]] = {}
        for patient in self.patients:
            reports = held.setdefault(patient.disease, defaultdict(list))
            reports[patient.publication].append(sum(map(len, reports.values())))
        return tuple(tuple(map(np.array, reports.values())) for reports in held.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        diseases = dict.fromkeys(patient.disease for patient in self.patients)
        return tuple(f"{self.labels.get(d, d)} ({d})" for d in diseases)

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.array([sum(map(len, reports)) for reports in self.reports])

    @cached_property
    def starts(self) -> np.ndarray:
        return self.sizes.cumsum() - self.sizes

    def take(self, numbers: np.ndarray) -> Tensor:
        return self.rows.dense(numbers)

    def summary(self) -> dict[str, Any]:
        return {
            "diseases": len(self.names),
            "patients": len(self.patients),
            "publications": len({patient.publication for patient in self.patients}),
        }


@dataclass(frozen=True, kw_only=True)
class PatientStream(ClassStream):
    """Episodes of `ways` diseases; a disease's support patients are from some of its publications,
    its query patients from others, which are parted anew for every task.

    Diseases that cannot be parted so are not drawn (`fit`).
    """

    shots: int
    queries: int
    bank: PatientBank = field(repr=False, compare=False)
    small: str = "leave out"

    def __post_init__(self) -> None:
        for rule in ("shots", "queries"):
            value = getattr(self, rule)
            if not isinstance(value, int):
                raise InputError(
                    f"{rule} of phenopackets must be one whole number, got {value}; give every task as "
                    "many.",
                    f"phenopackets 的 {rule} 必须是一个整数，收到 {value}；请让每个任务相同。",
                )
        super().__post_init__()

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def _too_small(self) -> InputError:
        return InputError(
            f"a task of {spelt(self.ways)} ways needs as many diseases with {self.shots} patients of some "
            f"publications and {self.queries} of others: {self.name} has {len(self.fit)}; lower --shots, "
            "--queries or --ways.",
            f"{spelt(self.ways)} 类的任务需要同样多的疾病，每种有来自部分文献的 {self.shots} 名患者和来自其他文献的 "
            f"{self.queries} 名患者：{self.name} 有 {len(self.fit)} 种；请减小 --shots、--queries 或 --ways。",
        )

    @cached_property
    def fit(self) -> np.ndarray:
        able = [parts(map(len, reports), self.shots, self.queries) for reports in self.bank.reports]
        return np.flatnonzero(able)

    @property
    def is_even(self) -> bool:  # type: ignore[override]
        return isinstance(self.ways, int)

    def draw(self, draws: Draws) -> Episodes:
        many = drawn(draws, self.ways or 0)  # (T,)
        classes = self.fit[draws.choose(most(self.ways), len(self.fit))]  # (T, N)
        generators = draws.generators()
        picks = np.array(
            [
                [self.parted(c, rng) for c in row]
                for row, rng in zip(classes, generators, strict=True)
            ]
        )  # (T, N, K + Q/N)
        there = np.arange(classes.shape[1]) < many[:, None]
        classes = np.where(there, classes, 0)
        sides: list[Examples] = []
        for first, count in ((0, self.shots), (self.shots, self.queries)):
            begin = np.full_like(classes, first)
            sides.append(self._side(picks, classes, begin, np.where(there, count, 0), count))
        named = torch.from_numpy(np.where(there, classes, -1))
        return Episodes(sides[0], sides[1], torch.from_numpy(draws.episodes), named)

    def parted(self, disease: int, rng: np.random.Generator) -> np.ndarray:
        """(K + Q/N,) places of patients of one disease: support, and query of other publications."""
        reports = self.bank.reports[disease]
        most_support = int(self.bank.sizes[disease]) - self.queries
        for _ in range(TRIES):
            taken: list[np.ndarray] = []
            others: list[np.ndarray] = []
            for number in rng.permutation(len(reports)):
                held = sum(map(len, taken))
                fits = held < self.shots and held + len(reports[number]) <= most_support
                (taken if fits else others).append(reports[number])
            if sum(map(len, taken)) >= self.shots:
                support = rng.permutation(np.concatenate(taken))[: self.shots]
                query = rng.permutation(np.concatenate(others))[: self.queries]
                return np.concatenate([support, query])
        raise InputError(
            f"no {self.shots} + {self.queries} patients of {self.bank.names[disease]!r} were found in different "
            "publications; lower --shots or --queries.",
            f"未能从不同文献中为 {self.bank.names[disease]!r} 找到 {self.shots} + {self.queries} 名患者；"
            "请减小 --shots 或 --queries。",
        )
