"""Lines that a user types, and what is said in return."""

from __future__ import annotations

from dataclasses import dataclass, replace

from innerloop.chat.conversation import Answer, Chat
from innerloop.errors import InputError, did_you_mean
from innerloop.language import say

WORDS = {
    "teach": ("/teach", "/教"),
    "correct": ("/correct", "/纠正"),
    "check": ("/check", "/检验"),
    "intents": ("/intents", "/意图"),
    "forget": ("/forget", "/忘记"),
    "help": ("/help", "/帮助"),
    "quit": ("/quit", "/退出"),
}
APART = "|"  # between sentences of one line


@dataclass(frozen=True)
class Talk:
    """A chat, the last sentence asked, how many checks there were and how many were right."""

    chat: Chat
    last: str = ""
    checks: int = 0
    right: int = 0
    over: bool = False

    @property
    def accuracy(self) -> float | None:
        return self.right / self.checks if self.checks else None


def hear(talk: Talk, line: str) -> tuple[Talk, str]:
    """(the talk after a line, what is said to it)."""
    line = line.strip().lstrip("\ufeff")
    if not line or line.startswith("#"):
        return talk, ""
    if not line.startswith("/"):
        answer = talk.chat.ask(line)
        return replace(talk, last=line), spoken(answer)
    word, _, rest = line.partition(" ")
    command = next((name for name, words in WORDS.items() if word.lower() in words), None)
    if command is None:
        hint = did_you_mean(word, [w for words in WORDS.values() for w in words])
        raise InputError(
            f"a line that begins with / is one of {', '.join(en for en, _ in WORDS.values())}, got "
            f"{word!r}{hint[0]}",
            f"以 / 开头的行应为 {'、'.join(zh for _, zh in WORDS.values())} 之一，收到 {word!r}{hint[1]}",
        )
    return COMMANDS[command](talk, rest.strip())


def teach(talk: Talk, rest: str) -> tuple[Talk, str]:
    intent, texts = divided(rest)
    chat = talk.chat.teach(intent, *texts)
    count = chat.intents[intent]
    return replace(talk, chat=chat), say(
        f"{intent}: {counted(count, 'sentence')}, {counted(len(chat.intents), 'intent')}.",
        f"{intent}：{count} 句，共 {len(chat.intents)} 个意图。",
    )


def correct(talk: Talk, rest: str) -> tuple[Talk, str]:
    """ "INTENT" of the last sentence asked, or "INTENT: sentence" of another."""
    intent, texts = divided(rest) if is_divided(rest) else (rest, [talk.last])
    if not texts[0]:
        raise InputError(
            "there is no sentence to correct yet; ask one first, or write /correct INTENT: sentence.",
            "还没有可纠正的句子；请先提问，或写“/纠正 意图: 句子”。",
        )
    chat = talk.chat.correct(intent, *texts)
    return replace(talk, chat=chat), say(
        f"Noted: {texts[0]!r} is {intent}.", f"已记住：{texts[0]!r} 属于 {intent}。"
    )


def check(talk: Talk, rest: str) -> tuple[Talk, str]:
    """Ask each sentence and hold the answer against the intent."""
    intent, texts = divided(rest)
    said = []
    for text in texts:
        answer = talk.chat.ask(text)
        good = answer.intent == intent
        talk = replace(talk, last=text, checks=talk.checks + 1, right=talk.right + good)
        mark = (
            say("right", "正确") if good else say(f"wrong, {intent} it is", f"错误，应为 {intent}")
        )
        said.append(f"{text} -> {spoken(answer)} [{mark}]")
    return talk, "\n".join(said)


def intents(talk: Talk, rest: str) -> tuple[Talk, str]:
    held = ", ".join(f"{intent} ({count})" for intent, count in talk.chat.intents.items())
    return talk, held or say("Nothing was taught yet.", "还没有教过任何意图。")


def forget(talk: Talk, rest: str) -> tuple[Talk, str]:
    return replace(talk, chat=talk.chat.forget(rest)), say(f"Forgot {rest}.", f"已忘记 {rest}。")


def helped(talk: Talk, rest: str) -> tuple[Talk, str]:
    return talk, say(
        "A sentence asks. /teach INTENT: sentence | sentence, in any language. /correct INTENT says what "
        "the last one was. /check INTENT: sentence asks and counts. /intents, /forget INTENT, /quit.",
        "直接输入句子即提问。/教 意图: 句子 | 句子，可用任何语言。/纠正 意图：说明上一句的意图。"
        "/检验 意图: 句子：提问并计分。/意图，/忘记 意图，/退出。",
    )


def leave(talk: Talk, rest: str) -> tuple[Talk, str]:
    return replace(talk, over=True), ""


COMMANDS = {
    "teach": teach,
    "correct": correct,
    "check": check,
    "intents": intents,
    "forget": forget,
    "help": helped,
    "quit": leave,
}


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "intent"), counted(2, "intent")
    ('1 intent', '2 intents')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def is_divided(rest: str) -> bool:
    return ":" in rest or "：" in rest


def divided(rest: str) -> tuple[str, list[str]]:
    """("alarm", ["wake me", "叫我起床"]) of "alarm: wake me | 叫我起床"."""
    intent, colon, texts = rest.replace("：", ":", 1).partition(":")
    found = [text.strip() for text in texts.split(APART) if text.strip()]
    if not colon or not intent.strip() or not found:
        raise InputError(
            f"write INTENT: sentence, several with {APART} between them, got {rest!r}.",
            f"请写成“意图: 句子”，多句之间用 {APART} 分隔，收到 {rest!r}。",
        )
    return intent.strip(), found


def spoken(answer: Answer) -> str:
    """The intent, how probable it is, and the sentence that it was taken from."""
    held = (
        f"{answer.intent} ({100 * answer.probability:.0f} %)",
        say("nearest", "最近的例句"),
        f"{answer.nearest!r}"
        + ("" if answer.nearest_intent == answer.intent else f" ({answer.nearest_intent})"),
    )
    if answer.known:
        return f"{held[0]}, {held[1]} {held[2]}"
    return say(
        f"like nothing taught so far, perhaps {held[0]}, nearest {held[2]}",
        f"与已教的都不像，可能是 {held[0]}，最近的例句 {held[2]}",
    )
