"""A pretrained text encoder of which low-rank adapters alone learn (LoRA: Hu et al. 2022,
arXiv:2106.09685)."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from innerloop.errors import InputError, MissingExtra, reason
from innerloop.models.adapters import with_adapters


class Pooled(nn.Module):
    """Tokens -> one row per sentence: the mean of the last layer over the tokens that are real."""

    encoder: Any

    def __init__(self, encoder: Any, outputs: int | None):
        super().__init__()
        self.encoder = encoder
        width = int(encoder.config.hidden_size)
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.features = width

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        # A mask of four dimensions is taken as it is; one of two is looked at, which no vmap can do.
        real = attention_mask.to(self.encoder.dtype)  # (S, L)
        lowest = -1e4 if real.dtype.itemsize == 2 else -1e9
        added = (1 - real)[:, None, None, :] * lowest
        hidden = self.encoder(input_ids=input_ids, attention_mask=added).last_hidden_state
        total = real.sum(1, keepdim=True).clamp(min=1)
        pooled: Tensor = self.head((hidden * real[..., None]).sum(1) / total)
        return pooled


def lora(
    model: Any,
    outputs: int | None = None,
    *,
    rank: int = 4,
    layers: str = "encoder.*",
    scale: float = 1.0,
) -> nn.Module:
    """Token numbers -> features, or answers: an encoder of Hugging Face whose weights stay, with a
    low-rank matrix beside each linear layer, which the inner and the outer loop move.

        x = {"input_ids": (S, L), "attention_mask": (S, L)}, as a tokeniser pads them

    model: a model of `transformers` that gives a `last_hidden_state` (BERT, MiniLM, XLM-R), its
        name, or the folder of one. Extra: innerloop[lora].
    outputs: with it an output layer follows, which learns as well (`maml`, `anil`); without it the
        mean over tokens is what `protonet`, `ridge` and `logistic` embed with.
    rank, scale: of the matrices. layers: patterns over the names of linear layers that get one.
    With `il.maml(net, moves="*.up,*.down")` the inner loop moves adapters alone.

    >>> lora(nn.Linear(2, 2))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    innerloop.errors.InputError: lora takes an encoder of transformers, ...
    """
    encoder: Any = copy.deepcopy(model) if isinstance(model, nn.Module) else loaded(model)
    if not hasattr(getattr(encoder, "config", None), "hidden_size"):
        raise InputError(
            f"lora takes an encoder of transformers, with config.hidden_size, got "
            f"{type(encoder).__name__}; use il.models.with_adapters for any other network.",
            f"lora 需要带有 config.hidden_size 的 transformers 编码器，收到 {type(encoder).__name__}；"
            "其他网络请使用 il.models.with_adapters。",
        )
    if hasattr(encoder, "set_attn_implementation"):
        encoder.set_attn_implementation("eager")  # plain operations: they have second derivatives
    return with_adapters(Pooled(encoder, outputs), rank, layers=layers, free="head.*", scale=scale)


def loaded(name: str) -> Any:
    try:
        from transformers import AutoModel
    except ImportError:
        raise MissingExtra("lora", f"The encoder {name!r}") from None
    try:
        return AutoModel.from_pretrained(name)
    except Exception as error:
        raise InputError(
            f"transformers cannot load {name!r} ({reason(error)}); give a folder that holds a model, "
            "or a name that it knows.",
            f"transformers 无法载入 {name!r}（{reason(error)}）；请给出含模型的文件夹或其已知的名称。",
        ) from None
