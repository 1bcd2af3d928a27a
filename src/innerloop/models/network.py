"""The one place where a Module becomes (init, apply): pure functions over dicts of tensors."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.models.keras_module import without_keras
from innerloop.models.mismatch import explained
from innerloop.models.named import ModelSpec, model_spec
from innerloop.models.recurrence import with_unrolled_recurrence
from innerloop.models.task_norm import Tape, tape_in_use, with_task_norms
from innerloop.tree import Tree, tree_map

Build = Callable[[], nn.Module]
Model = nn.Module | Build


class Network:
    """A Module, or a function that makes one, as `init` and `apply`.

    Batch norm has no running averages here: a pass normalises with its own batch, or with the
    statistics it is given, and reports those it saw. Who keeps them, and where, is the method's
    business (in `fast` for a gradient-based learner, in `meta.state` for an encoder). Instance
    norm always uses the instance's own. LSTM, GRU and RNN run step by step, so that they can be
    batched over tasks. What `forward` changes in place, an input or a buffer, is a copy.

    A parameter with `requires_grad=False` stays as it came, in the inner and in the outer loop: it
    is among the buffers. One that several layers share is one parameter.
    """

    def __init__(self, model: Model):
        if isinstance(model, Network):
            raise InputError(
                "a Network is already wrapped; pass the Module itself.",
                "Network 已是包装后的模型；请直接传入 Module。",
            )
        self.spec: ModelSpec | None = None
        if isinstance(model, nn.Module):
            self.spec = model_spec(model)
            self._build: Build | None = self.spec.build if self.spec else None
        elif callable(model):
            self._build = model
            model = made_by(model)
        if not isinstance(model, nn.Module):
            raise InputError(
                "a model must be a torch.nn.Module or a function without arguments that makes one, "
                f"got {type(model).__name__}; pass torch.nn.Linear(1, 1), say.",
                "模型必须是 torch.nn.Module 或返回它的无参函数，收到的是 "
                f"{type(model).__name__}；例如传入 torch.nn.Linear(1, 1)。",
            )
        self.module = without_keras(model)
        if self.module is not model:  # it draws its weights by a generator of its own
            self._build, model = None, self.module
        self.names = dict.fromkeys(n for n, p in model.named_parameters() if p.requires_grad)
        self._skeleton, self.norms = _skeleton_of(model)
        self._buffers = frozenset(name for name, _ in model.named_buffers())
        self.is_convolutional = any(isinstance(m, nn.modules.conv._ConvNd) for m in model.modules())
        self._lock = threading.RLock()  # functional_call swaps weights on the shared skeleton

    @property
    def draws_weights(self) -> bool:
        """True when a seed can draw fresh weights the way the model's author draws them."""
        return self._build is not None

    @property
    def output_layer(self) -> str:
        """The name of the last layer that has parameters."""
        names = [name for name, _ in self.module.named_parameters()]
        return _owner(names[-1]) if names else ""

    @property
    def head(self) -> list[str]:
        """The names of the output layer's parameters."""
        return [name for name in self.names if _owner(name) == self.output_layer]

    def init(self, generator: Generator | None = None) -> tuple[Params, Params]:
        """(params, buffers). With a generator fresh weights are drawn: by calling the function
        that made the model, else by `reset_parameters` of its layers. Without one they are the
        weights that the module came with (a pretrained backbone keeps its own)."""
        module = self.module
        if generator is not None:
            seed = int(torch.randint(2**62, (), generator=generator))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                module = self._build() if self._build else _reset(copy.deepcopy(module))
        norms = {name for name, m in module.named_modules() if isinstance(m, _NormBase)}
        params = {n: p.detach().clone() for n, p in module.named_parameters()}
        buffers = {
            n: b.detach().clone()
            for n, b in module.named_buffers()
            if n.rpartition(".")[0] not in norms
        }
        kind = next(iter(self.module.parameters()), None)
        if kind is not None:
            params = {
                n: p.to(kind.dtype) if p.is_floating_point() else p for n, p in params.items()
            }
        frozen = {n: p for n, p in params.items() if n not in self.names}
        if self._build is None:
            own = dict(self.module.named_parameters())
            frozen = {n: own[n].detach().clone() for n in frozen}
        return {n: params[n] for n in self.names}, {**buffers, **frozen}

    def apply(
        self,
        params: Params,
        buffers: Params,
        x: Tree,
        *,
        statistics: Params | None = None,
        training: bool = False,
    ) -> Tensor:
        """Outputs, one row per input. `statistics` normalises; without it the batch does."""
        return self._run(params, buffers, x, Tape(statistics, None), training)

    def observe(
        self, params: Params, buffers: Params, x: Tree, *, training: bool = False
    ) -> tuple[Tensor, Params]:
        """Outputs, and the statistics (2, channels) that each norm layer saw in this batch."""
        seen: Params = {}
        return self._run(params, buffers, x, Tape(None, seen), training), seen

    def plainly(self, params: Params, buffers: Params, x: Tree) -> Tensor:
        """Outputs while learning, normalised by the batch, by the module's own operations alone:
        for those who read which they are."""
        return self._pass(params, buffers, x, Tape(None, None), training=True)

    def _run(self, params: Params, buffers: Params, x: Tree, tape: Tape, training: bool) -> Tensor:
        x = tree_map(torch.clone, x)
        x = tree_map(channels_last, x) if self.is_convolutional else x
        buffers = {n: b.clone() if n in self._buffers else b for n, b in buffers.items()}
        return self._pass(params, buffers, x, tape, training)

    def _pass(self, params: Params, buffers: Params, x: Tree, tape: Tape, training: bool) -> Tensor:
        args, kwargs = _arguments(x)
        with self._lock, _differentiable_attention():
            token = tape_in_use.set(tape)
            try:
                self._skeleton.train(training)
                outputs = functional_call(self._skeleton, {**params, **buffers}, args, kwargs)
            except (RuntimeError, IndexError, TypeError) as error:
                if (mismatch := explained(error, self.module, x)) is not None:
                    raise mismatch from error
                raise
            finally:
                tape_in_use.reset(token)
        return self._checked(outputs)

    def _checked(self, outputs: object) -> Tensor:
        if isinstance(outputs, Tensor):
            return outputs
        name, got = type(self.module).__name__, type(outputs).__name__
        raise InputError(
            f"a model must return one tensor with a row per input, but {name} returned a {got}; "
            "let its forward return the outputs alone, for example outputs[0] or outputs['logits'].",
            f"模型必须返回一个张量，每个输入一行，但 {name} 返回了 {got}；"
            "请让 forward 只返回输出，例如 outputs[0] 或 outputs['logits']。",
        )


@contextmanager
def _differentiable_attention() -> Iterator[None]:
    """Attention by plain operations: the fast kernels have no second derivative, and no rule for
    many tasks."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def channels_last(x: Tensor) -> Tensor:
    """Images (rows, channels, height, width) with the same numbers, laid out as convolutions and
    pooling read them fastest. Spelled out because `memory_format` has no meaning under vmap."""
    if x.dim() != 4:
        return x
    rows = x.permute(0, 2, 3, 1).flatten(
        2
    )  # (rows, height, width * channels), copied if it must be
    return rows.unflatten(2, (x.shape[3], x.shape[1])).permute(0, 3, 1, 2)


def _arguments(x: Tree) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """A tensor is the module's argument, a tuple its arguments, a dict its keyword arguments."""
    if isinstance(x, dict):
        return (), x
    return (x if isinstance(x, tuple) else (x,)), {}


def _owner(parameter: str) -> str:
    """The layer that a parameter belongs to, also behind a parametrisation."""
    layer, parametrised, _ = parameter.partition("parametrizations.")
    return layer.rstrip(".") if parametrised else parameter.rpartition(".")[0]


def _skeleton_of(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """A copy that runs without side effects, and the names of its batch norms."""
    if any(is_lazy(p) for p in [*module.parameters(), *module.buffers()]):
        raise InputError(
            f"{type(module).__name__} has layers that do not know their sizes yet; run one batch "
            "through it first: model(x).",
            f"{type(module).__name__} 中有尚未确定尺寸的层；请先用一个批次运行它：model(x)。",
        )
    try:
        skeleton = copy.deepcopy(module)
    except Exception as error:
        raise InputError(
            f"{type(module).__name__} cannot be copied ({str(error).splitlines()[0][:100]}); use "
            "torch.nn.utils.parametrizations in place of hooks, and keep no results of forward.",
            f"无法复制 {type(module).__name__}（{str(error).splitlines()[0][:100]}）；"
            "请用 torch.nn.utils.parametrizations 代替钩子，且不要保存 forward 的结果。",
        ) from None
    for layer in skeleton.modules():
        if isinstance(layer, _InstanceNorm):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    return with_task_norms(with_unrolled_recurrence(skeleton))


def _reset(module: nn.Module) -> nn.Module:
    for layer in module.modules():
        reset = getattr(layer, "reset_parameters", None) or getattr(
            layer, "_reset_parameters", None
        )
        if callable(reset):
            reset()
    return module


def made_by(build: Build) -> nn.Module:
    """What a user's function makes; where it fails, a sentence that names it."""
    try:
        return build()
    except InputError:  # a sentence already
        raise
    except Exception as error:
        name = getattr(build, "__name__", type(build).__name__)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"a function that makes a model is called without arguments, and {name}() failed "
            f"({reason}); write one that needs none, such as lambda: torch.nn.Linear(1, 1).",
            f"生成模型的函数以无参方式调用，而 {name}() 失败（{reason}）；"
            "请写一个无需参数的函数，例如 lambda: torch.nn.Linear(1, 1)。",
        ) from error
