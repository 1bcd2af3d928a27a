"""From the classes of three splits to a family of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from innerloop.episodes import Span, as_span
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.text.bank import GroupedStream, TextBank
from innerloop.tasks.text.inputs import TextInputs

Classes = Mapping[str, Sequence[str]]  # {"group/class": its sentences}


def text_tasks(
    name: str,
    classes: Mapping[str, Classes],
    *,
    encoder: str,
    ways: Span,
    shots: Span,
    queries: Span,
    within_groups: bool = False,
    small: str = "refuse",
    remarks: Sequence[str] = (),
    **settings: Any,
) -> Tasks:
    """The family whose splits draw their episodes from these classes, {split: classes}.

    within_groups: all classes of an episode are of one group. settings: the family's own.
    """
    inputs = TextInputs(encoder)
    spans: dict[str, Any] = {
        "ways": as_span("ways", ways),
        "shots": as_span("shots", shots),
        "queries": as_span("queries", queries),
    }
    kind = GroupedStream if within_groups else ClassStream
    streams: dict[str, Any] = {
        split: kind(
            name=f"{name}/{split}", bank=TextBank.of(classes[split], encoder), small=small, **spans
        )
        for split in SPLITS
    }
    return Tasks(
        name,
        "classification",
        **streams,
        settings={**spans, "encoder": encoder, **settings},
        input_shape=(inputs.width,),
        inputs=inputs,
        remarks=tuple(remarks),
    )
