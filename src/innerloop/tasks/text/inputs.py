"""A user's sentences as the x that a learner was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from innerloop.tasks.inputs import INPUTS
from innerloop.tasks.text.encoders import DEFAULT, encoders_named
from innerloop.tasks.text.features import features
from innerloop.tasks.text.sentences import sentences


@dataclass(frozen=True)
class TextInputs:
    """Sentences -> x (rows, width) float32, by a frozen encoder.

    raw: a string, a list of them, a pandas Series, or rows with a column `text`.

    >>> TextInputs("ngrams").x(["wake me up", "叫我起床"]).shape
    torch.Size([2, 4096])
    """

    encoder: str = DEFAULT

    name: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        encoders_named(self.encoder)

    @property
    def settings(self) -> dict[str, Any]:
        return {"encoder": self.encoder}

    @property
    def widths(self) -> dict[str, int]:
        """Of the encoders that stand side by side in a row."""
        return {part.name: part.width for part in encoders_named(self.encoder)}

    @property
    def width(self) -> int:
        return sum(self.widths.values())

    def x(self, raw: Any) -> Tensor:
        texts = sentences(raw)
        return features(self.encoder, texts).take(np.arange(len(texts)))

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs

    def targets(self, raw: Tensor) -> Tensor:
        return raw


INPUTS[TextInputs.name] = TextInputs
