"""Errors that a user can act on: one sentence with the rule, the value and the remedy."""

from __future__ import annotations

from innerloop.language import say


class InnerloopError(Exception):
    """Something went wrong that is not the user's doing; the command line exits with 1."""

    exit_code = 1

    def __init__(self, en: str, zh: str | None = None):
        super().__init__(en)
        self.en, self.zh = en, zh or en

    def __str__(self) -> str:
        return say(self.en, self.zh)


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
