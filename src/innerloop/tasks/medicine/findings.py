"""From what was found in a patient to x: terms and all that they are kinds of, weighed by how rare."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from innerloop.arguments import checked
from innerloop.errors import InputError
from innerloop.tasks.inputs import INPUTS
from innerloop.tasks.medicine.bank import Rows
from innerloop.tasks.medicine.ontology import Ontology, ontology
from innerloop.tasks.medicine.patients import Patient, patient_of
from innerloop.tasks.medicine.words import RESEARCH
from innerloop.tasks.tables.reading import is_table, read_table

TERM, KIND, PERSON = (
    1.5,
    1.0,
    0.25,
)  # lengths of the three parts, chosen on meta-validation diseases
AGES = (0.3, 2.0, 6.0, 12.0, 25.0, 50.0)  # years
SEXES = ("FEMALE", "MALE")
LEAST = 3  # patients that a term must have to be looked at
ID = re.compile(r"HP:\d{7}")


@dataclass(frozen=True)
class FindingInputs:
    """How a patient becomes x (d,), a vector of length 1.

        x = [1.5 |idf * terms|, |idf * terms and their ancestors|, 0.25 |sex, age|],  |v| = v / length

    terms, kinds: HPO ids of the first two parts, each with its weight log((1 + n) / (1 + n_t)) over
    the n meta-training patients. excluded: whether findings that were looked for and not there are
    terms too, named "!HP:0001250".
    """

    terms: Mapping[str, float]
    kinds: Mapping[str, float]
    excluded: bool = False
    name: ClassVar[str] = "findings"
    notice: ClassVar[tuple[str, str]] = RESEARCH

    @property
    def settings(self) -> dict[str, Any]:
        return {"terms": dict(self.terms), "kinds": dict(self.kinds), "excluded": self.excluded}

    @classmethod
    @checked()
    def from_settings(
        cls, terms: dict[str, float], kinds: dict[str, float], excluded: bool
    ) -> FindingInputs:
        return cls(terms, kinds, excluded)

    @classmethod
    def fit(
        cls, patients: Sequence[Patient], train: Sequence[bool], *, excluded: bool = False
    ) -> FindingInputs:
        """Terms that three patients have; weights are counted on meta-training's patients alone."""
        known = ontology()
        weights = []
        for said in (terms_of, kinds_of):
            seen: Counter[str] = Counter()
            here: Counter[str] = Counter()
            for patient, is_train in zip(patients, train, strict=True):
                found = said(patient, known, excluded)
                seen.update(found)
                here.update(found if is_train else ())
            rows = 1 + sum(train)
            chosen = sorted(term for term, count in seen.items() if count >= LEAST)
            weights.append({t: round(math.log(rows / (1 + here[t])), 4) for t in chosen})
        return cls(weights[0], weights[1], excluded)

    @cached_property
    def places(self) -> tuple[dict[str, int], dict[str, int]]:
        first = {term: n for n, term in enumerate(self.terms)}
        return first, {term: len(first) + n for n, term in enumerate(self.kinds)}

    @property
    def width(self) -> int:
        return len(self.terms) + len(self.kinds) + len(SEXES) + len(AGES)

    def x(self, raw: Any) -> Tensor:
        """Patients -> (rows, d). raw: a DataFrame or its file with a column `findings`
        ("HP:0001250; HP:0001263", or labels) and, if known, `sex` and `age` in years; dicts of the
        same; phenopackets, or their JSON files."""
        patients = patients_in(raw)
        return self.rows(patients).dense(np.arange(len(patients)))

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs

    def targets(self, raw: Tensor) -> Tensor:
        return raw

    def rows(self, patients: Sequence[Patient]) -> Rows:
        known = ontology()
        return Rows.of([self.row(patient, known) for patient in patients], self.width)

    def row(self, patient: Patient, known: Ontology) -> dict[int, float]:
        """column -> value"""
        if not patient.observed:
            raise no_findings(patient.name)
        first, second = self.places
        parts = [
            (
                TERM,
                {
                    first[t]: self.terms[t]
                    for t in terms_of(patient, known, self.excluded)
                    if t in first
                },
            ),
            (KIND, {second[t]: self.kinds[t] for t in kinds_of(patient, known) if t in second}),
            (PERSON, person(patient, len(first) + len(second))),
        ]
        scaled = [(c, length * v) for length, part in parts for c, v in unit(part).items()]
        return unit(dict(scaled))


def terms_of(patient: Patient, known: Ontology, excluded: bool = False) -> list[str]:
    """The findings by their present ids; excluded ones with a "!" before, if they are asked for."""
    found = [known.now.get(term, term) for term in patient.observed]
    absent = [f"!{known.now.get(term, term)}" for term in patient.excluded if excluded]
    return sorted({*found, *absent})


def kinds_of(patient: Patient, known: Ontology, excluded: bool = False) -> list[str]:
    return sorted({a for term in patient.observed for a in known.ancestors(term)})


def person(patient: Patient, first: int) -> dict[int, float]:
    """Sex, and age as bumps over its logarithm; nothing where they are not told."""
    found = {first + n: 1.0 for n, sex in enumerate(SEXES) if patient.sex == sex}
    if patient.years is not None:
        gaps = (np.log1p(patient.years) - np.log1p(AGES)) / 0.6
        bumps = np.exp(-(gaps**2) / 2)
        bumps = bumps / np.linalg.norm(bumps)
        found |= {first + len(SEXES) + n: float(value) for n, value in enumerate(bumps)}
    return found


def unit(part: Mapping[int, float]) -> dict[int, float]:
    length = math.sqrt(sum(value**2 for value in part.values())) or 1.0
    return {column: value / length for column, value in part.items()}


def patients_in(raw: Any) -> list[Patient]:
    """Whatever a user has that describes patients."""
    if isinstance(raw, Patient):
        return [raw]
    if hasattr(raw, "columns"):
        raw = raw.astype(object).where(raw.notna(), None).to_dict("records")
    if isinstance(raw, Mapping | str | Path):
        raw = [raw]
    if not isinstance(raw, Iterable):
        raise not_patients(raw)
    raw = list(raw)
    if len(raw) == 1 and isinstance(raw[0], str | Path) and is_table(Path(raw[0]).name):
        return patients_in(read_table(raw[0]))
    return [as_patient(row, str(n)) for n, row in enumerate(raw)]


def as_patient(row: Any, name: str) -> Patient:
    if isinstance(row, str | Path):
        row, name = read_packet(Path(row)), Path(row).stem
    if isinstance(row, Patient):
        return row
    if not isinstance(row, Mapping):
        raise not_patients(row)
    if "phenotypicFeatures" in row or "subject" in row:
        return patient_of(dict(row), str(row.get("id", name)))
    if "findings" not in row:
        raise InputError(
            f"a patient needs findings, but row {name} has {', '.join(map(str, row))[:80]} alone; add a "
            "column findings with HPO terms separated by semicolons.",
            f"患者需要表型描述，但第 {name} 行只有 {', '.join(map(str, row))[:80]}；"
            "请添加 findings 列，HPO 术语以分号分隔。",
        )
    observed, excluded = (ids_of(row.get(column), name) for column in ("findings", "excluded"))
    if not observed:
        raise no_findings(name)
    sex = str(row.get("sex") or "").strip().upper()
    sex = {"F": "FEMALE", "M": "MALE", "女": "FEMALE", "男": "MALE"}.get(sex, sex)
    return Patient(
        name, observed, excluded, sex if sex in SEXES else "", age_of(row.get("age"), name)
    )


def age_of(value: Any, name: str) -> float | None:
    if value is None or str(value).strip() == "":
        return None
    try:
        years = float(value)
    except (TypeError, ValueError):
        years = math.nan
    if not 0 <= years < 150:
        raise InputError(
            f"age is in years, got {value!r} for patient {name}; correct it, or leave it empty.",
            f"年龄以岁为单位，患者 {name} 的值为 {value!r}；请更正或留空。",
        )
    return years


def ids_of(value: Any, name: str) -> tuple[str, ...]:
    """HPO ids of a text or a list of them, given as ids or as labels."""
    if value is None or value == "":
        return ()
    said = re.split(r"[;|\n]", value) if isinstance(value, str) else value
    if isinstance(said, Mapping) or not isinstance(said, Iterable):
        said = [said]
    words = [word.strip() for word in map(str, said) if word.strip()]
    ids = [id_of(word) for word in words]
    for word, found in zip(words, ids, strict=True):
        if found is None:
            raise InputError(
                f"findings are HPO terms, and patient {name} has {word[:60]!r}, which is none; write its id, "
                "such as HP:0001250, or its exact label.",
                f"表型必须是 HPO 术语，而患者 {name} 的 {word[:60]!r} 不是；请写其编号（如 HP:0001250）或准确名称。",
            )
    return tuple(dict.fromkeys(found for found in ids if found is not None))


def id_of(word: str) -> str | None:
    """ "HP:0001250" of itself, or of "seizure"."""
    return word if ID.fullmatch(word) else ontology().by_label.get(word.lower())


def read_packet(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text("utf-8-sig"))
        if not isinstance(held, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as problem:
        raise InputError(
            f"a phenopacket is a JSON file in UTF-8, but reading {str(path)!r} says '{problem}'; export it "
            "again.",
            f"phenopacket 应为 UTF-8 编码的 JSON 文件，但读取 {str(path)!r} 时出错“{problem}”；请重新导出。",
        ) from problem
    return held


def no_findings(name: str) -> InputError:
    return InputError(
        f"a patient needs at least one observed finding, and {name} has none; add what was found, or leave "
        "the patient out.",
        f"每名患者至少需要一项观察到的表型，而 {name} 没有；请补充，或去掉该患者。",
    )


def not_patients(raw: Any) -> InputError:
    return InputError(
        f"patients are dicts with findings, phenopackets, or a table of them, got {type(raw).__name__}; "
        "pass a list of dicts such as {'findings': 'HP:0001250'}.",
        f"患者应为含 findings 的字典、phenopacket 或其表格，收到 {type(raw).__name__}；"
        "请传入如 {'findings': 'HP:0001250'} 的字典列表。",
    )


INPUTS[FindingInputs.name] = FindingInputs.from_settings
