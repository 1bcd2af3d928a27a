"""All intents of a set at once, from the few examples that papers publish for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from innerloop.arguments import checked
from innerloop.core import Episode, Episodes, Examples
from innerloop.episodes import Draws, Span, Stream, most, together
from innerloop.errors import InputError
from innerloop.tasks.base import Tasks
from innerloop.tasks.splitting import by_hash
from innerloop.tasks.text.bank import TextBank
from innerloop.tasks.text.encoders import DEFAULT
from innerloop.tasks.text.family import text_tasks
from innerloop.tasks.text.intents import READERS, SEED
from innerloop.tasks.text.sets import published
from innerloop.tasks.text.sets.sentences import by_class, letters, once

Name = Literal["banking77", "clinc150", "hwu64"]


@dataclass(frozen=True, kw_only=True)
class PublishedStream(Stream):
    """One task, however often it is asked for: support and query as they were published."""

    bank: TextBank = field(repr=False, compare=False)  # a class's support rows, then its query rows
    given: tuple[int, ...] = field(repr=False)

    @property
    def class_count(self) -> int:
        return len(self.given)

    @property
    def largest(self) -> tuple[int, int]:
        return sum(self.given), len(self.bank.texts) - sum(self.given)

    def replace(self, **changes: Any) -> PublishedStream:
        if any(changes.get(rule) not in (None, getattr(self, rule)) for rule in ("ways", "shots")):
            raise InputError(
                f"the task of {self.name} is as it was published, {self.ways} ways and {self.shots} "
                "shots, so ways and shots cannot be changed; leave --ways and --shots out.",
                f"{self.name} 的任务按发布时的样子使用（{self.ways} 类、每类 {self.shots} 个样本），"
                "不能更改 ways 与 shots；请去掉 --ways 与 --shots。",
            )
        return self

    def draw(self, draws: Draws) -> Episodes:
        firsts, given = self.bank.starts, np.asarray(self.given)
        asked = self.bank.sizes - given
        sides = []
        for start, count in ((firsts, given), (firsts + given, asked)):
            rows = np.concatenate([np.arange(a, a + n) for a, n in zip(start, count, strict=True)])
            y = torch.from_numpy(np.repeat(np.arange(len(given)), count))
            sides.append(Examples(self.bank.take(rows), y, ways=len(given)))
        support, query = sides
        one = Episode(support, query, torch.tensor(0), torch.arange(len(given)))
        return together([one] * len(draws))


@checked()
def full_way(
    *,
    data: Name = "clinc150",
    shots: Literal[5, 10] = 5,
    ways: Span = 30,
    queries: Span = 5,
    encoder: str = DEFAULT,
) -> Tasks:
    """All 77, 150 or 64 intents at once from the published 5 or 10 examples of each, after
    meta-training on the two other sets alone.

    data: "banking77", "clinc150" or "hwu64": whose published split is the one test task, evaluated
        with episodes=1; its figure has no interval over tasks.
    ways, queries: of the tasks of meta-training and validation, which are drawn from the two other
        sets (validation from a fifth of their intents, chosen by hash of the name). Sentences that
        the test set has as well are left out of them.
    encoder: as in `clinc150`.
    """
    support, test = (
        published.read(data, "train_5" if shots == 5 else "train_10"),
        published.read(data, "test"),
    )
    kept = {letters(sentence.text) for sentence in (*support, *test)}
    classes = others(data, kept)
    split = by_hash(dict.fromkeys(classes, 1), least=most(ways), seed=SEED, parts=("train", "test"))
    if split is None:
        raise too_many(most(ways), len(classes))
    parts = {
        part: {name: held for name, held in classes.items() if split[name] == part}
        for part in ("train", "test")
    }
    tasks = text_tasks(
        "full_way",
        {"train": parts["train"], "validation": parts["test"], "test": parts["test"]},
        ways=ways,
        shots=shots,
        queries=queries,
        encoder=encoder,
        small="leave out",
        data=data,
    )
    held, asked = by_class(support), by_class(test)
    stream = PublishedStream(
        name=f"full_way/{data}",
        ways=len(held),
        shots=shots,
        queries=max(len(rows) for rows in asked.values()),
        bank=TextBank.of({n: [*held[n], *asked.get(n, [])] for n in held}, encoder),
        given=tuple(len(rows) for rows in held.values()),
    )
    return replace(tasks, test=stream)


def others(data: str, kept: set[str]) -> dict[str, list[str]]:
    """{"set/intent": its sentences} of the two other sets, without those whose letters are kept."""
    sentences = [
        s._replace(group=name, intent=s.class_name.replace("/", "."))
        for name, read in READERS.items()
        if name != data
        for s in once(read())
    ]
    return by_class(s for s in sentences if letters(s.text) not in kept)


def too_many(ways: int, classes: int) -> InputError:
    return InputError(
        f"ways must leave as many intents to validation, and there are {classes} in all, got {ways}; "
        "lower --ways.",
        f"ways 过大：共有 {classes} 个意图，验证也需要同样多，收到 {ways}；请减小 --ways。",
    )
