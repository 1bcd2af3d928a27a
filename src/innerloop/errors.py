"""Errors that a user can act on: one sentence with the rule, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from innerloop.language import say


class InnerloopError(Exception):
    """Something went wrong that is not the user's doing; the command line exits with 1."""

    exit_code = 1

    def __init__(self, en: str, zh: str | None = None):
        en, zh = (
            " ".join(text.splitlines()) for text in (en, zh or en)
        )  # one line, whatever is quoted
        super().__init__(en)
        self.en, self.zh = en, zh

    def __str__(self) -> str:
        return say(self.en, self.zh)

    def __reduce__(self) -> tuple[Any, ...]:
        return again, (type(self), vars(self))


def again(kind: type[InnerloopError], held: dict[str, Any]) -> InnerloopError:
    """The error as it was, in another process."""
    error = kind.__new__(kind, held["en"])
    vars(error).update(held)
    return error


class InputError(InnerloopError, ValueError):
    """Input that breaks a rule; the command line exits with 2."""

    exit_code = 2


class MissingExtra(InnerloopError, ImportError):
    """A feature whose packages are not installed; the message names the extra."""

    exit_code = 2

    def __init__(self, extra: str, feature: str):
        super().__init__(
            f"{feature} needs packages that are not installed: pip install 'innerloop[{extra}]'.",
            f"{feature} 需要尚未安装的软件包：请运行 pip install 'innerloop[{extra}]'。",
        )


def did_you_mean(given: str, known: Iterable[str]) -> tuple[str, str]:
    """How a sentence about an unknown name ends, in English and Chinese.

    >>> did_you_mean("mamll", ["maml", "anil"]), did_you_mean("x", ["maml"])
    (('; did you mean maml?', '；是否想写 maml？'), ('.', '。'))
    """
    near = difflib.get_close_matches(str(given), list(known), n=1)
    return (f"; did you mean {near[0]}?", f"；是否想写 {near[0]}？") if near else (".", "。")


def not_one_of(what: str, names: Iterable[str], got: Any, *further: str) -> InputError:
    """`what` must be one of these names, or of `further` forms that a name may take.

    >>> print(not_one_of("--algorithm", ["maml", "anil"], "mamll"))
    algorithm must be one of maml, anil, got 'mamll'; did you mean maml?
    """
    names = list(names)
    en, zh = did_you_mean(got, names)
    listed = ", ".join([*names, *further])
    return InputError(
        f"{what} must be one of {listed}, got {shown(got)}{en}",
        f"{what} 必须是 {listed} 之一，收到 {shown(got)}{zh}",
    )


def shown(value: Any) -> str:
    """The value as it is written, or what it is where that would be long.

    >>> shown("far"), shown([0] * 99)
    ("'far'", 'a list')
    """
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"


def unknown_setting(of: str, name: str, known: Iterable[str]) -> InputError:
    """A keyword that a constructor does not have."""
    known = list(known)
    en, zh = did_you_mean(name, known)
    has = ", ".join(known)
    return InputError(
        f"{of} has no setting {name!r}; it has: {has}{en}",
        f"{of} 没有设置 {name!r}；可用的有：{has}{zh}",
    )


def reason(error: BaseException, most: int = 160) -> str:
    """What another library, or the user's own function, says in its first line.

    >>> reason(ValueError("shapes differ.\\nTraceback")), reason(KeyError())
    ('shapes differ', 'KeyError')
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:most]
