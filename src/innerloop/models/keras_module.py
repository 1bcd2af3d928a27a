"""A Keras 3 model on the torch backend, as a Module whose parameters are the ones it computes with.

Keras keeps each weight in a variable of its own, so that replacing a Module's parameters, which is
how the inner loop runs a model, would change nothing. Its stateless call takes weights instead.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from innerloop.errors import InputError


class Shared:
    """Holds the model where a Module does not look for layers, and is not copied with it."""

    def __init__(self, model: Any):
        self.model = model

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self


class KerasModule(nn.Module):
    def __init__(self, model: Any):
        super().__init__()
        if not model.built:
            raise InputError(
                "this Keras model does not know its sizes yet; begin it with keras.layers.Input, or "
                "run one batch through it first: model(x).",
                "该 Keras 模型尚未确定尺寸；请以 keras.layers.Input 开始，或先用一个批次运行它：model(x)。",
            )
        if any(type(layer).__name__ == "BatchNormalization" for layer in model._flatten_layers()):
            raise InputError(
                "a Keras BatchNormalization keeps running averages, which an inner loop cannot use; "
                "take keras.layers.GroupNormalization or LayerNormalization.",
                "Keras 的 BatchNormalization 依赖滑动平均，内循环无法使用；"
                "请改用 keras.layers.GroupNormalization 或 LayerNormalization。",
            )
        self.shared, self.places = Shared(model), list[tuple[str, str]]()
        self.features: Any = getattr(model, "features", None)  # as an encoder says its width
        for variable in model.trainable_variables:
            layer, _, name = variable.path.replace(".", "_").rpartition("/")
            if layer not in self._modules:
                self.add_module(layer or "model", nn.Module())
            value = nn.Parameter(variable.value.detach().clone())
            self.get_submodule(layer or "model").register_parameter(name, value)
            self.places.append((layer or "model", name))

    def forward(self, x: Tensor) -> Any:
        model = self.shared.model
        weights = [getattr(self.get_submodule(layer), name) for layer, name in self.places]
        constants = [variable.value for variable in model.non_trainable_variables]
        outputs, _ = model.stateless_call(weights, constants, x, training=self.training)
        return outputs


def without_keras(model: nn.Module) -> nn.Module:
    """The same model; a Keras one in a Module that can be run with other weights."""
    kinds = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return KerasModule(model) if "keras" in kinds else model
