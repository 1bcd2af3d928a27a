"""How support and query are drawn: episodes addressable by (seed, index)."""

from innerloop.episodes.draws import Draws
from innerloop.episodes.over import OverStream
from innerloop.episodes.padding import together
from innerloop.episodes.spans import Span, as_span, ends, most, spelt
from innerloop.episodes.stream import Stream

__all__ = ["Draws", "OverStream", "Span", "Stream", "as_span", "ends", "most", "spelt", "together"]
