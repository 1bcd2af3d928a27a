"""Names that the user types: families of tasks and runs."""

from __future__ import annotations

import difflib
from typing import Any

from innerloop.errors import InputError
from innerloop.tasks import TASKS, Tasks


def tasks_named(name: str, **settings: Any) -> Tasks:
    """The built-in family of this name, with the settings that are not None."""
    if name not in TASKS:
        near = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise InputError(
            f"TASKS must be one of {', '.join(TASKS)}, got {name!r}{hint}",
            f"TASKS 必须是 {', '.join(TASKS)} 之一，收到 {name!r}。",
        )
    given = {k: v for k, v in settings.items() if v is not None}
    family = TASKS[name]
    if "ways" in given and "ways" not in (family.__kwdefaults__ or {}):
        raise InputError(
            f"{name} is regression and has no classes, so --ways does not apply; leave it out.",
            f"{name} 是回归任务，没有类别，--ways 不适用；请去掉它。",
        )
    return family(**given)
