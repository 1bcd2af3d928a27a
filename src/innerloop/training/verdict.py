"""How a run ended."""

from __future__ import annotations

from enum import Enum

from innerloop.language import say


class Verdict(Enum):
    """How a run ended. The value is the sentence that the user reads; `str` is in his language.

    >>> Verdict.OUT_OF_STEPS.value
    'The budget of steps is used up.'
    """

    CONVERGED = "The validation metric has stopped improving.", "验证指标不再提升。"
    REACHED = "The validation metric has reached its target.", "验证指标已达到目标。"
    OUT_OF_STEPS = "The budget of steps is used up.", "步数预算已用完。"
    OUT_OF_TIME = "The budget of minutes is used up.", "时间预算已用完。"
    INTERRUPTED = (
        "The run was interrupted; it goes on from here with resume.",
        "运行被中断；可用 resume 从此处继续。",
    )
    DIVERGED = (
        "The run met nothing but non-finite losses or updates and was stopped.",
        "运行只遇到非有限的损失或更新，已停止。",
    )
    NOTHING_TO_TRAIN = "This learner has nothing to train.", "该学习器没有需要训练的内容。"

    zh: str

    def __new__(cls, en: str, zh: str) -> Verdict:
        member = object.__new__(cls)
        member._value_ = en
        member.zh = zh
        return member

    def __str__(self) -> str:
        return say(self.value, self.zh)
