"""Which classes or groups are for meta-training, validation and test: disjoint, and by name."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS

SHARES = (0.64, 0.80)  # meta-train below the first, validation below the second, test above
WORDS = {
    "train": ("train", "training", "meta-train", "metatrain", "background"),
    "validation": ("validation", "valid", "val", "dev", "meta-validation", "meta-val", "metaval"),
    "test": ("test", "testing", "meta-test", "metatest", "evaluation", "novel"),
}
SplitSource = str | PathLike[str] | Mapping[str, Any]


def split_word(word: str) -> str | None:
    """The split that a word means: "val" -> "validation"; None for any other word."""
    plain = word.strip().lower().replace("_", "-")
    return next((split for split, words in WORDS.items() if plain in words), None)


def place(name: str, seed: int) -> float:
    """Where a name stands between 0 and 1: a matter of the name and the seed alone."""
    digest = hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little") / 2**56


def by_hash(
    weights: Mapping[str, int], *, least: int, seed: int = 0, parts: tuple[str, ...] = SPLITS
) -> dict[str, str] | None:
    """{name: split}, about 64 / 16 / 20 %; None if they cannot have `least` classes each.

    weights: how many classes each name stands for (1 for a class, more for a group). A name's
    split does not depend on the other names, but where so few are there that a split would fall
    short: then the names nearest to it in hash order are moved there.

    >>> split = by_hash(dict.fromkeys("abcdef", 1), least=2)
    >>> sorted(split.values())
    ['test', 'test', 'train', 'train', 'validation', 'validation']
    """
    names = sorted(weights, key=lambda name: (place(name, seed), name))
    places = np.array([place(name, seed) for name in names])
    total = np.concatenate([[0], np.cumsum([weights[name] for name in names])])  # (n + 1,)
    first_test = int(np.searchsorted(places, SHARES[1]))
    highest = int(np.searchsorted(total, total[-1] - least, side="right")) - 1
    if len(parts) == 2:  # train and test
        lowest = int(np.searchsorted(total, least))
        if lowest > highest:
            return None
        cut = min(max(first_test, lowest), highest)
        return {name: parts[n >= cut] for n, name in enumerate(names)}
    enough = int(np.searchsorted(total, least))  # meta-train has at least these
    room = [
        int(np.searchsorted(total, total[j] - least, side="right")) - 1 for j in range(len(total))
    ]
    possible = [j for j in range(highest + 1) if room[j] >= enough]
    if not possible:
        return None
    test = min(possible, key=lambda j: (abs(j - first_test), j))
    validation = min(max(int(np.searchsorted(places, SHARES[0])), enough), room[test])
    return {name: parts[(n >= validation) + (n >= test)] for n, name in enumerate(names)}


def given_split(source: SplitSource, names: Iterable[str], seed: int) -> dict[str, str]:
    """{name: split} as a mapping or a file says it; names that it leaves out are in none.

    source: {name: split}, {split: [names]}, or a CSV (a line `name,split` each) or JSON file that
    holds one of them. A class is meant by its own name or by its group's. Where only train and
    test are named, a fifth of train becomes validation.
    """
    names = list(names)
    said = source if isinstance(source, Mapping) else read_split_file(Path(source))
    if set(map(split_word, said)) <= set(SPLITS) and not any(
        isinstance(v, str) for v in said.values()
    ):
        said = {str(name): str(split) for split, held in said.items() for name in held}
    known = {*names, *(name.rpartition("/")[0] for name in names)} - {""}
    chosen: dict[str, str] = {}
    for name, word in said.items():
        split = split_word(str(word))
        if split is None:
            raise InputError(
                f"a split must be train, validation or test, got {word!r} for {name!r}; rename it.",
                f"划分必须是 train、validation 或 test，{name!r} 的值为 {word!r}；请改名。",
            )
        if str(name) not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise InputError(
                f"splits must name classes or groups that are there, and {name!r} is none"
                + (f"; did you mean {near[0]!r}?" if near else "; correct or remove it."),
                f"splits 中的名称必须是已有的类别或分组，而 {name!r} 不是"
                + (f"；是否指 {near[0]!r}？" if near else "；请更正或删除。"),
            )
        chosen[str(name)] = split
    found = {n: chosen.get(n) or chosen.get(n.rpartition("/")[0]) for n in names}
    return with_validation({n: split for n, split in found.items() if split}, seed)


def with_validation(split: dict[str, str], seed: int) -> dict[str, str]:
    """The same; without validation a fifth of train becomes it. Train and test must be there."""
    train = sorted((n for n, s in split.items() if s == "train"), key=lambda n: place(n, seed))
    missing = [part for part in SPLITS if part not in split.values()]
    if missing == ["validation"] and len(train) > 1:
        return split | dict.fromkeys(train[: max(1, len(train) // 5)], "validation")
    if missing:
        raise InputError(
            f"every split needs classes of its own, but {missing[0]} has none; name some for it.",
            f"每个划分都需要自己的类别，但 {missing[0]} 没有；请为其指定。",
        )
    return split


def read_split_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"splits must be a mapping or a CSV or JSON file, but there is no file {str(path)!r}; "
            "check its path.",
            f"splits 必须是映射或 CSV、JSON 文件，但没有文件 {str(path)!r}；请检查路径。",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            return dict(json.loads(text))
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
        pairs = {row[0]: row[1] for row in rows}
    except (ValueError, IndexError, TypeError, OSError):
        raise InputError(
            f"{str(path)!r} must hold a line name,split per class, or a JSON object of them; "
            "correct it.",
            f"{str(path)!r} 应为每个类别一行“名称,划分”，或相应的 JSON 对象；请更正。",
        ) from None
    if rows and rows[0][1].lower() == "split":
        del pairs[rows[0][0]]
    return pairs
