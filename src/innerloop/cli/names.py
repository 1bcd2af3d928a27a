"""Names that the user types: families of tasks, or the paths of his own data."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from innerloop.cli.settings import by_name, convert, pairs
from innerloop.episodes import Span, as_span
from innerloop.errors import InputError, did_you_mean
from innerloop.tasks import TASKS, Tasks
from innerloop.tasks.base import no_classes
from innerloop.tasks.tables.reading import is_table
from innerloop.tasks.text.own import looks_like_text

PATHS = (
    "images",
    "table",
    "text",
    "function",
)  # families that a path or package.module:function names
SHAPE = ("ways", "shots", "queries")
OF_TEXT = ("--text-column", "--label-column", "--task-column")
UNSAID = ("inputs", "f", "content", "settings", *SHAPE)  # settings that are no options of their own


def tasks_named(name: str, options: dict[str, Any] | None = None, **settings: Any) -> Tasks:
    """The built-in family of this name, or the user's own data at this path.

    options: the family's own settings, as `family_options` reads them. settings: ways, shots and
    queries; those that are None are left to the family.
    """
    family, where = family_of(name)
    given = {k: v for k, v in settings.items() if v is not None} | (options or {})
    make = TASKS[family]
    if "ways" in given and "ways" not in inspect.signature(make).parameters:
        raise no_classes(family)
    for rule in missing(make, given):
        option = "--" + rule
        raise InputError(
            f"a {family} needs {option}, the column of its {rule}s; write {option} NAME.",
            f"{family} 需要 {option}（{rule} 所在的列）；请写 {option} 列名。",
        )
    return make(*where, **given)  # type: ignore[no-any-return]


def meant(name: str, arguments: Sequence[str]) -> str:
    """The name with "text:" or "table:" before it where the options say which of the two a file is."""
    given = {argument.partition("=")[0] for argument in arguments}
    if not is_table(name) or family_of(name)[0] not in ("table", "text"):
        return name
    if given & set(OF_TEXT):
        return name if name.startswith("text:") else f"text:{name}"
    return f"table:{name}" if "--task" in given and ":" not in name else name


def missing(make: Any, given: dict[str, Any]) -> list[str]:
    wanted = inspect.signature(make).parameters.values()
    needed = [p.name for p in wanted if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return [name for name in needed if name not in given]


def family_of(name: str) -> tuple[str, tuple[str, ...]]:
    """("omniglot", ()) of a built-in name, ("images", (path,)) of a folder, ("table", (path,)) or
    ("text", (path,)) of a file; "text:PATH" and "table:PATH" say which."""
    if name in TASKS and name not in PATHS:
        return name, ()
    kind, _, rest = name.partition(":")
    if rest and kind in ("table", "text"):
        return kind, (str(Path(rest).expanduser()),)
    path = Path(name).expanduser()
    if path.is_dir():
        return "images", (str(path),)
    if looks_like_text(path):
        return "text", (str(path),)
    if is_table(path.name):
        return "table", (str(path),)
    if ":" in name and not path.exists():
        return "function", (name,)
    if path.exists():
        raise InputError(
            f"TASKS must be a built-in name, a folder of images, a table or sentences (.csv, .tsv, "
            f".parquet, .jsonl), but {name!r} is another file; give the folder that its classes are in.",
            f"TASKS 应为内置名称、图像文件夹、表格或句子文件（.csv、.tsv、.parquet、.jsonl），而 {name!r} 是其他文件；"
            "请给出包含各类别的文件夹。",
        )
    if os.sep in name or name.startswith(("~", ".")) or "/" in name:
        raise InputError(
            f"there is no file or folder {name!r}; check the path.",
            f"没有文件或文件夹 {name!r}；请检查路径。",
        )
    known = [each for each in TASKS if each not in PATHS]
    en, zh = did_you_mean(name, known)
    raise InputError(
        f"TASKS must be one of {', '.join(known)}, or the path of a folder of images or of a table, "
        f"got {name!r}{en}",
        f"TASKS 必须是 {', '.join(known)} 之一，或图像文件夹、表格的路径，收到 {name!r}{zh}",
    )


def family_options(name: str, arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """(the settings of this family among these arguments, the arguments that are left)."""
    family, _ = family_of(name)
    hints = get_type_hints(TASKS[family])
    own = option_names(name)
    found: dict[str, Any] = {}
    rest: list[str] = []
    for option, text in pairs(list(arguments)):
        if option in own:
            setting = option.lstrip("-").replace("-", "_")
            found[setting] = value_of(option, text, hints[setting])
        else:
            rest += [option] if text is None else [option, text]
    return found, rest


def option_names(name: str) -> list[str]:
    """The options of a family beside ways, shots and queries."""
    parameters = inspect.signature(TASKS[family_of(name)[0]]).parameters.values()
    names = [p.name for p in parameters if keyword(p) and p.name not in UNSAID]
    return [f"--{setting.replace('_', '-')}" for setting in names]


def keyword(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.KEYWORD_ONLY


def value_of(option: str, text: str | None, hint: Any) -> Any:
    """The text of an option as the family wants it; "a,b" where it wants several names."""
    kinds = [k for k in (get_args(hint) or (hint,)) if k is not type(None)]
    if any(get_origin(kind) is Sequence for kind in kinds) and text:
        names = tuple(part.strip() for part in text.split(","))
        return names[0] if str in kinds and len(names) == 1 else names
    literal = [choice for kind in kinds for choice in get_args(kind) if isinstance(choice, str)]
    if literal:
        return by_name(option, text, {choice: choice for choice in literal})
    return convert(option, text, hint)


def span(option: str, text: str | None) -> Span | None:
    """ "5" -> 5, "2-10" -> (2, 10)

    >>> span("--ways", "2-10"), span("--shots", None)
    ((2, 10), None)
    """
    if text is None:
        return None
    try:
        ends = [int(part) for part in text.split("-")] if text[:1] != "-" else [int(text)]
    except ValueError:
        ends = []
    if len(ends) == 1:
        return ends[0]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise InputError(
            f"{option} must be a whole number or a range, got {text!r}; write {option} 5 or "
            f"{option} 2-10.",
            f"{option} 必须是整数或范围，收到 {text!r}；请写 {option} 5 或 {option} 2-10。",
        )
    return as_span(option, (ends[0], ends[1]))


def stem(name: str) -> str:
    """What a run on these tasks is called: "~/my photos/" -> "my photos"."""
    family, where = family_of(name)
    if family == "function":
        return where[0].rpartition(":")[2]
    return Path(where[0]).expanduser().resolve().stem or family if where else family
