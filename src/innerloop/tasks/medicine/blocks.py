"""Diseases that may be told apart by where their patients come from are divided together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from innerloop.tasks.medicine.patients import Patient
from innerloop.tasks.splitting import place

CUTS = (0.4, 0.6)  # rich blocks below the first are for training, from the second on for test
RICH = 5  # patients of some publications, and as many of others


def blocks(patients: Iterable[Patient]) -> dict[str, str]:
    """disease -> the first disease, by name, of those that publications and gene folders link it
    with, over however many others.

    >>> def seen(disease, publication, folder):
    ...     return Patient("", (), disease=disease, publication=publication, folder=folder)
    >>> blocks([seen("a", "1", "G"), seen("b", "1", "H"), seen("c", "2", "H"), seen("d", "3", "I")])
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'd'}
    """
    above: dict[tuple[str, str], tuple[str, str]] = {}

    def top(node: tuple[str, str]) -> tuple[str, str]:
        while (parent := above.setdefault(node, node)) != node:
            node = parent
        return node

    for patient in patients:
        for link in (("publication", patient.publication), ("folder", patient.folder)):
            low, high = sorted((top(("disease", patient.disease)), top(link)))
            above[high] = low
    diseases = sorted(name for kind, name in above if kind == "disease")
    first: dict[tuple[str, str], str] = {}
    return {name: first.setdefault(top(("disease", name)), name) for name in diseases}


def splits_of(patients: Sequence[Patient], seed: int = 0) -> dict[str, str]:
    """disease -> train, validation or test, a block always whole.

    Blocks with a disease of which 5 patients can be support and 5 of other publications query are
    dealt out by a hash of their name, about 40 / 20 / 40 %, since those alone can judge 5 shots; all
    others are for meta-training.
    """
    block = blocks(patients)
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for patient in patients:
        sizes[patient.disease][patient.publication] += 1
    rich = {block[d] for d, found in sizes.items() if parts(found.values(), RICH, RICH)}
    return {
        disease: split_of(name, seed) if name in rich else "train"
        for disease, name in block.items()
    }


def split_of(block: str, seed: int) -> str:
    at = place(block, seed)
    return "train" if at < CUTS[0] else "validation" if at < CUTS[1] else "test"


def parts(sizes: Iterable[int], shots: int, queries: int) -> bool:
    """Whether publications of these sizes can be parted so that one side has the shots, the other the
    queries.

    >>> parts([3, 3, 4], 5, 4), parts([9, 1], 2, 2)
    (True, False)
    """
    sizes = list(sizes)
    reached = {0}
    for size in sizes:
        reached |= {size + other for other in reached}
    return any(shots <= side <= sum(sizes) - queries for side in reached)
