"""Published tables as families of their own: read as they were published, and named."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.archives import content_digest, members
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.data import data_set, locate
from innerloop.tasks.medicine.words import RESEARCH
from innerloop.tasks.tables import TableInputs
from innerloop.tasks.tables.reading import pandas


def read_frame(name: str, names: Sequence[str] | None = None) -> list[Any]:
    """The set's files as DataFrames. names: of the columns, where the first line is a patient."""
    found = []
    for path, digest in zip(locate(name), data_set(name).archives.values(), strict=True):
        held = list(members(path))
        if content_digest(held) != digest:
            raise InputError(
                f"{path} must hold the table as published, but differs from it; delete it and run "
                f"`innerloop data fetch {name}`.",
                f"{path} 应为官方发布的表格，但内容不符；请删除后运行 `innerloop data fetch {name}`。",
            )
        text = io.BytesIO(held[0][1])
        found.append(pandas().read_csv(text, names=names, na_values="?"))
    return found


def as_family(name: str, make: Callable[..., Tasks], settings: dict[str, Any], **how: Any) -> Tasks:
    """The table as a family of this name, rebuilt from these settings."""
    tasks = make(**how)
    streams: dict[str, Any] = {
        split: replace(tasks.split(split), name=f"{name}/{split}") for split in SPLITS
    }
    remarks = (*tasks.remarks, say(*RESEARCH))
    assert isinstance(tasks.inputs, TableInputs)
    inputs = replace(tasks.inputs, notice=RESEARCH)
    return replace(tasks, name=name, **streams, settings=settings, remarks=remarks, inputs=inputs)
