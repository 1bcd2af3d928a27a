"""How support and query are drawn: episodes addressable by (seed, index)."""

from innerloop.episodes.draws import Draws
from innerloop.episodes.stream import Stream

__all__ = ["Draws", "Stream"]
