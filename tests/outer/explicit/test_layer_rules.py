"""Every rule's four functions against torch's own derivatives, in double precision."""

import pytest
import torch
from torch.func import jvp, vjp
from torch.nn import functional as F

from innerloop.outer.explicit import native
from innerloop.outer.explicit.rules import pointwise
from innerloop.outer.explicit.rules.base import Move, Place
from innerloop.outer.explicit.rules.convolution import Convolution
from innerloop.outer.explicit.rules.derived import Derived
from innerloop.outer.explicit.rules.fused import FusedNorm
from innerloop.outer.explicit.rules.layout import channels_last
from innerloop.outer.explicit.rules.linear import Linear, Map, Sum
from innerloop.outer.explicit.rules.norm import Norm
from innerloop.outer.explicit.rules.pooling import MaxPool


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def normalised(x, scale, shift, seen=None, eps=1e-5):
    dims = [d for d in range(x.dim()) if d != 1]
    wide = (1, -1, *[1] * (x.dim() - 2))
    var, mean = torch.var_mean(x[:seen], dims, correction=0)
    hat = (x - mean.view(wide)) * torch.rsqrt(var + eps).view(wide)
    return hat * scale.view(wide) + shift.view(wide)


def pooled(x):
    return F.max_pool2d(x, 2)


def conv(x, w, b):
    return F.conv2d(x, w, b, stride=2, padding=1)


def fused(slope, pool, seen=None):
    def f(x, scale, shift):
        y = F.leaky_relu(normalised(x, scale, shift, seen), slope)
        return pooled(y) if pool == 2 else y

    return f


IMAGE = (4, 3, 5, 6)
CHANNELS = ((3,), (3,))
BENT = {
    "tanh": (pointwise.TANH, torch.tanh),
    "sigmoid": (pointwise.SIGMOID, torch.sigmoid),
    "silu": (pointwise.SILU, F.silu),
    "gelu": (pointwise.GELU, F.gelu),
    "softplus": (pointwise.SOFTPLUS, F.softplus),
    "elu": (pointwise.ELU, F.elu),
    "relu": (pointwise.leaky(0.0), torch.relu),
    "leaky": (pointwise.leaky(0.1), lambda x: F.leaky_relu(x, 0.1)),
}
RULES = {  # name -> (rule, the same as a function, shapes of the inputs)
    "linear": (Linear(), F.linear, ((4, 5), (3, 5), (3,))),
    "linear without bias": (Linear(), F.linear, ((4, 5), (3, 5))),
    "convolution": (
        Convolution((2, 2), (1, 1), (1, 1), False, (0, 0), 1),
        conv,
        (IMAGE, (2, 3, 3, 3), (2,)),
    ),
    "grouped convolution": (
        Convolution((1,), (1,), (1,), False, (0,), 2),
        lambda x, w: F.conv1d(x, w, padding=1, groups=2),
        ((4, 4, 5), (6, 2, 3)),
    ),
    "transposed convolution": (
        Convolution((2, 2), (0, 0), (1, 1), True, (0, 0), 1),
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2),
        (IMAGE, (3, 2, 2, 2), (2,)),
    ),
    "sum": (Sum(), torch.add, ((4, 3), (4, 3))),
    "sum over rows": (Sum(), torch.add, ((4, 3), (3,))),
    "map": (
        Map(lambda x: x.flatten(1), lambda g, x: g.reshape(x.shape)),
        lambda x: x.flatten(1),
        (IMAGE,),
    ),
    "pool": (MaxPool((2, 2), (2, 2), (0, 0), (1, 1), False), pooled, (IMAGE,)),
    "overlapping pool": (
        MaxPool((3, 3), (2, 2), (1, 1), (1, 1), False),
        lambda x: F.max_pool2d(x, 3, 2, 1),
        (IMAGE,),
    ),
    "norm of vectors": (Norm(1e-5), normalised, ((6, 3), *CHANNELS)),
    "norm of images": (Norm(1e-5), normalised, (IMAGE, *CHANNELS)),
    "norm by the first rows": (
        Norm(1e-5).seeing(2),
        lambda *i: normalised(*i, seen=2),
        (IMAGE, *CHANNELS),
    ),
    "derived": (Derived(lambda x, y: torch.sin(x) * y), lambda x, y: x.sin() * y, ((4, 3), (3,))),
    "derived, only backwards": (
        Derived(lambda x: F.group_norm(x.contiguous(), 3)),
        lambda x: F.group_norm(x.contiguous(), 3),
        (IMAGE,),
    ),
    **{name: (rule, f, ((4, 3),)) for name, (rule, f) in BENT.items()},
}
KERNELS = {
    f"kernel, slope {slope}, pool {pool}": (
        FusedNorm(1e-5, slope, pool),
        fused(slope, pool),
        (shape, *CHANNELS),
    )
    for slope in (0.0, 0.1, 1.0)
    for pool in (1, 2)
    for shape in [(4, 3, 5, 6) if slope else (40, 3, 4, 4)]
}


def holds(rule, f, shapes, *, moves=None):
    """The four functions are f, its transpose, and the tangents of both."""
    inputs = [numbers(*shape) for shape in shapes]
    inputs[0] = channels_last(inputs[0]) if inputs[0].dim() == 4 else inputs[0]
    along = [
        numbers(*shape) if moves is None or i in moves else None for i, shape in enumerate(shapes)
    ]
    filled = tuple(
        torch.zeros_like(i) if d is None else d for i, d in zip(inputs, along, strict=True)
    )
    needs = [True] * len(inputs)
    y, kept = rule.forward(*inputs)
    close(y, f(*inputs))
    g, dg = torch.randn_like(y), torch.randn_like(y)
    back, kept = rule.backward(inputs, kept, g, needs)
    close(list(back), list(vjp(f, *inputs)[1](g)))
    moved, kept_along = rule.tangent(inputs, kept, along)
    close(moved, jvp(f, tuple(inputs), filled)[1])

    def transpose(*at):
        return vjp(f, *at[:-1])[1](at[-1])

    try:
        expected = jvp(transpose, (*inputs, g), (*filled, dg))[1]
    except NotImplementedError:
        start = (*inputs, g)
        twice = vjp(transpose, *start)[1]
        expected = vjp(twice, tuple(torch.zeros_like(i) for i in inputs))[1]((*filled, dg))[0]
    found = rule.backward_tangent(Place(inputs, kept, g), Move(along, kept_along, dg), needs)
    close(
        [torch.zeros_like(i) if b is None else b for i, b in zip(inputs, found, strict=True)],
        list(expected),
    )


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_its_function_and_three_derivatives(name):
    torch.manual_seed(0)
    holds(*RULES[name])


@pytest.mark.parametrize("name", [n for n, (_, _, shapes) in RULES.items() if len(shapes) > 1])
@pytest.mark.parametrize("moves", [(0,), (1,)])
def test_an_input_that_stays_still_counts_as_nothing(name, moves):
    torch.manual_seed(0)
    holds(*RULES[name], moves=moves)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("moves", [None, (0,), (1,), (2,)])
def test_a_kernel_is_the_rules_one_after_the_other(name, moves):
    if native.library() is None:
        pytest.skip("needs a C++ compiler")
    torch.manual_seed(0)
    holds(*KERNELS[name], moves=moves)


@pytest.mark.parametrize("pool", [1, 2])
def test_a_kernel_normalises_later_rows_by_the_first(pool):
    if native.library() is None:
        pytest.skip("needs a C++ compiler")
    torch.manual_seed(0)
    inputs = [channels_last(numbers(*IMAGE)), numbers(3), numbers(3)]
    rule, f = FusedNorm(1e-5, 0.1, pool).seeing(2), fused(0.1, pool, seen=2)
    y, kept = rule.forward(*inputs)
    close(y, f(*inputs))
    g = torch.randn_like(y)
    close(list(rule.backward(inputs, kept, g, [True] * 3)[0]), list(vjp(f, *inputs)[1](g)))


def test_a_kernel_leaves_no_infinity_or_nan_unseen():
    if native.library() is None:
        pytest.skip("needs a C++ compiler")
    x = channels_last(numbers(4, 3, 4, 4))
    x[0, 1, 2, 3] = torch.nan
    y, _ = FusedNorm(1e-5, 0.0, 2).forward(x, torch.ones(3).double(), torch.zeros(3).double())
    assert y[:, 1].isnan().all()
    assert y[:, [0, 2]].isfinite().all()
