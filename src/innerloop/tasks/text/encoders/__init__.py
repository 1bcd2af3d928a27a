"""Sentence encoders by name: `use`, `minilm`, `ngrams`, any of sentence-transformers, and mixes
of them ("use+ngrams"), whose rows stand side by side."""

from __future__ import annotations

from collections.abc import Callable

from innerloop.errors import InputError, not_one_of
from innerloop.tasks.text.encoders.base import Encoder
from innerloop.tasks.text.encoders.ngrams import CharacterNgrams
from innerloop.tasks.text.encoders.sentence_transformer import SentenceTransformer
from innerloop.tasks.text.encoders.use import UniversalSentenceEncoder

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "use": UniversalSentenceEncoder,
    "minilm": SentenceTransformer,
    "ngrams": CharacterNgrams,
}
DEFAULT = "use+ngrams"

__all__ = ["DEFAULT", "ENCODERS", "Encoder", "encoders_named"]


def encoders_named(name: str) -> tuple[Encoder, ...]:
    """The encoders of a name, in their order.

    A name with a slash or a hyphen is a model of sentence-transformers.

    >>> [encoder.width for encoder in encoders_named("use+ngrams")]
    [512, 4096]
    """
    parts = [part.strip() for part in str(name).split("+")]
    if len(set(parts)) < len(parts):
        raise InputError(
            f"each encoder of a mix stands in it once, got {name!r}; leave the second out.",
            f"混合编码器中每个编码器只能出现一次，收到 {name!r}；请去掉重复的。",
        )
    return tuple(one(part) for part in parts)


def one(name: str) -> Encoder:
    if name in ENCODERS:
        return ENCODERS[name]()
    if "/" in name or "-" in name:
        return SentenceTransformer(name)
    further = "a model of sentence-transformers", "a mix such as use+ngrams"
    raise not_one_of("encoder", ENCODERS, name, *further)
