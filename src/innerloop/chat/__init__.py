"""Teach a run new intents by sentences, ask, correct: in a terminal, or as a Python object."""

from innerloop.chat.conversation import Answer, Chat

__all__ = ["Answer", "Chat"]
