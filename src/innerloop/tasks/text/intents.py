"""Intents of people who talk to a machine, as tasks: domains, scenarios and languages unseen in
meta-training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.splitting import by_hash
from innerloop.tasks.text.encoders import DEFAULT
from innerloop.tasks.text.family import text_tasks
from innerloop.tasks.text.sets import banking77 as banking
from innerloop.tasks.text.sets import clinc150 as clinc
from innerloop.tasks.text.sets import hwu64 as hwu
from innerloop.tasks.text.sets import xsid as languages
from innerloop.tasks.text.sets.sentences import Sentence, by_class, once

SEED = 0  # of the hash that divides what has no division of its own


@checked()
def clinc150(
    *,
    ways: Span = 5,
    shots: Span = 1,
    queries: Span = 10,
    domains: Literal["mixed", "one"] = "mixed",
    encoder: str = DEFAULT,
) -> Tasks:
    """Chatbot intents of domains never trained on: 150 in 10 domains (CLINC150).

    Meta-training has banking, credit_cards, home, meta and travel, validation has utility and work,
    test has auto_and_commute, kitchen_and_dining and small_talk (75 / 30 / 45 intents, about 150
    sentences each, repeated ones left out).
    domains: "mixed" draws a task's intents from all domains of its split; "one" from a single domain,
        which is harder: with 15 ways a task is all that a domain has.
    encoder: "use+ngrams", "use", "ngrams", "minilm", a model of sentence-transformers, or a mix.
    What is of no intent at all: `innerloop.tasks.out_of_scope()`.
    """
    found = by_class(once(clinc.read()))
    splits = {
        split: {
            name: held for name, held in found.items() if name.split("/")[0] in clinc.SPLIT[split]
        }
        for split in SPLITS
    }
    return text_tasks(
        "clinc150",
        splits,
        ways=ways,
        shots=shots,
        queries=queries,
        within_groups=domains == "one",
        encoder=encoder,
        domains=domains,
    )


@checked()
def banking77(
    *, ways: Span = 5, shots: Span = 1, queries: Span = 10, encoder: str = DEFAULT
) -> Tasks:
    """Fine intents of a bank's customers: 77 of one domain (BANKING77).

    Intents are divided by a hash of their names. encoder: as in `clinc150`.
    """
    splits = divided(by_class(once(banking.read())))
    return text_tasks("banking77", splits, ways=ways, shots=shots, queries=queries, encoder=encoder)


@checked()
def hwu64(*, ways: Span = 5, shots: Span = 1, queries: Span = 10, encoder: str = DEFAULT) -> Tasks:
    """Intents of a home assistant in scenarios never trained on: 64 in 18 (HWU64, its first fold).

    Scenarios are divided by a hash of their names. encoder: as in `clinc150`.
    """
    splits = divided(by_class(once(hwu.read())))
    return text_tasks("hwu64", splits, ways=ways, shots=shots, queries=queries, encoder=encoder)


def divided(classes: Mapping[str, list[str]]) -> dict[str, dict[str, list[str]]]:
    """{split: its classes}, a group in one split; without groups by class."""
    unit = {name: name.split("/")[0] for name in classes}
    weights = {u: sum(v == u for v in unit.values()) for u in unit.values()}
    split = by_hash(weights, least=5, seed=SEED)
    assert split is not None
    return {
        part: {name: held for name, held in classes.items() if split[unit[name]] == part}
        for part in SPLITS
    }


@checked()
def xsid(
    *,
    ways: Span = 5,
    shots: Span = 1,
    queries: Span = 5,
    intents: Literal["shared", "unseen"] = "shared",
    encoder: str = DEFAULT,
) -> Tasks:
    """A task is a language: dialogue intents in Danish, Kazakh, Lithuanian, Neapolitan, Norwegian,
    Serbian and Swiss German, after meta-training in ten others (xSID 0.7).

    Meta-training has ar, de, de-ba, de-muc, en, it, ja, nl, tr and zh, validation has de-st and id.
    Of the seven test languages neither meta-training nor the encoder `use` has learnt any. All
    languages say the same sentences: meta-training has those of the files `valid`, validation and
    test those of `test` without what is in `valid`; sentences of equal letters or of equal English
    original are there once in each language.
    intents: "shared" are the same in all splits; "unseen" has five in meta-training and validation
        and six others in test.
    encoder: as in `clinc150`.
    """
    found = languages.read()
    splits = {split: by_class(in_use(found[split], split, intents)) for split in SPLITS}
    return text_tasks(
        "xsid",
        splits,
        ways=ways,
        shots=shots,
        queries=queries,
        within_groups=True,
        encoder=encoder,
        intents=intents,
    )


def in_use(sentences: list[Sentence], split: str, intents: str) -> list[Sentence]:
    if intents == "shared":
        return sentences
    wanted = languages.INTENTS["test" if split == "test" else "train"]
    return [sentence for sentence in sentences if sentence.intent in wanted]


READERS: dict[str, Callable[[], list[Sentence]]] = {
    "banking77": banking.read,
    "clinc150": clinc.read,
    "hwu64": hwu.read,
}
