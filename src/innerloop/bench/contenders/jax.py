"""JAX, in two formulations.

As fast as it goes on a processor: the tasks of a convolutional network one after the other inside
one program (scan), convolutions as one matrix product over slices; a small network by vmap. As one
writes it: vmap over tasks of jax.lax's own convolution. Adam is optax's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from innerloop.bench.contenders.jax_nets import Net, Params, net_of
from innerloop.bench.contenders.ready import Ready
from innerloop.bench.material import Arrays, Problem, Tasks
from innerloop.bench.workloads import Workload

LR = 1e-3
UNROLLED = (
    8  # inner steps; a longer descent is a loop of the program, which else takes minutes to compile
)


def can(workload: Workload, idiomatic: str = "") -> bool:
    if workload.model == "mlp":
        return not idiomatic  # vmap and jit are the fastest here
    return workload.is_conv4 and workload.algorithm in ("maml", "fomaml", "anil")


def setup(problem: Problem, idiomatic: str = "") -> Ready:
    import jax
    import optax

    if problem.precision == "float64":
        jax.config.update("jax_enable_x64", True)
    workload = problem.workload
    net = net_of(workload, idiomatic=bool(idiomatic))
    task = task_loss(workload, net)
    by_scan = workload.is_conv4 and not idiomatic
    meta_gradient = (scanned if by_scan else batched)(task, workload.tasks)
    adam = optax.adam(LR)
    jitted = jax.jit(meta_gradient)

    def update(params: Params, memory: Any, grads: Params) -> tuple[Params, Any]:
        moves, memory = adam.update(grads, memory, params)
        return optax.apply_updates(params, moves), memory

    def whole(params: Params, memory: Any, *tasks: Any) -> tuple[Params, Any]:
        return update(params, memory, meta_gradient(params, *tasks))

    moved = jax.jit(update)
    at_once = jax.jit(whole)  # a small network's step is one program, a large one is compiled once

    def advance(params: Params, memory: Any, *tasks: Any) -> tuple[Params, Any]:
        if workload.is_conv4:
            return moved(params, memory, jitted(params, *tasks))  # type: ignore[no-any-return]
        return at_once(params, memory, *tasks)  # type: ignore[no-any-return]

    params = {n: jax.numpy.asarray(v) for n, v in net.into(problem.weights).items()}
    memory = adam.init(params)
    same = prepared(problem.tasks, net)
    batches = problem.batches()
    start = dict(params)

    def gradient() -> Arrays:
        found = {n: np.asarray(g) for n, g in jitted(start, *same).items()}
        return {n: np.ascontiguousarray(g) for n, g in net.back(found).items()}

    def step() -> None:
        nonlocal params, memory
        tasks = prepared(next(batches), net) if workload.whole else same
        params, memory = advance(params, memory, *tasks)
        jax.block_until_ready(params)

    return Ready(gradient, step, lambda: "scan" if by_scan else "vmap")


def prepared(tasks: Tasks, net: Net) -> tuple[Any, ...]:
    """The tasks as arrays of JAX, classes in 32 bits, images with channels last."""
    import jax

    xs, ys, xq, yq = tasks
    ys, yq = (y.astype(np.int32) if y.dtype.kind == "i" else y for y in (ys, yq))
    return tuple(map(jax.numpy.asarray, (net.images(xs), ys, net.images(xq), yq)))


def task_loss(workload: Workload, net: Net) -> Callable[..., Any]:
    """(params, support_x, support_y, query_x, query_y) -> the query loss after the inner steps."""
    import jax

    def descended(loss: Callable[[Params], Any], params: Params) -> Params:
        def one(params: Params, _: Any = None) -> tuple[Params, None]:
            grads = jax.grad(loss)(params)
            if workload.algorithm == "fomaml":
                grads = jax.lax.stop_gradient(grads)
            return {n: p - workload.inner_lr * grads[n] for n, p in params.items()}, None

        if workload.inner_steps > UNROLLED:
            return jax.lax.scan(one, params, length=workload.inner_steps)[0]  # type: ignore[no-any-return]
        for _ in range(workload.inner_steps):
            params, _ = one(params)
        return params

    def maml(params: Params, xs: Any, ys: Any, xq: Any, yq: Any) -> Any:
        moved = descended(lambda p: net.loss(net.head(p, net.body(p, xs)), ys), params)
        return net.loss(net.head(moved, net.body(moved, xq)), yq)

    def anil(params: Params, xs: Any, ys: Any, xq: Any, yq: Any) -> Any:
        features = net.body(params, xs)
        start = {n: params[n] for n in net.head_names}
        head = descended(lambda h: net.loss(net.head(h, features), ys), start)
        return net.loss(net.head(head, net.body(params, xq)), yq)

    return anil if workload.algorithm == "anil" else maml


def batched(task: Callable[..., Any], tasks: int) -> Callable[..., Params]:
    import jax

    def mean_loss(params: Params, *data: Any) -> Any:
        return jax.vmap(task, (None, 0, 0, 0, 0))(params, *data).mean()

    return jax.grad(mean_loss)  # type: ignore[no-any-return]


def scanned(task: Callable[..., Any], tasks: int) -> Callable[..., Params]:
    """A gradient for one task after the other, added up."""
    import jax

    def meta_gradient(params: Params, *data: Any) -> Params:
        def add(total: Params, one: Any) -> tuple[Params, None]:
            found = jax.grad(task)(params, *one)
            return jax.tree.map(lambda a, g: a + g / tasks, total, found), None

        zero = jax.tree.map(jax.numpy.zeros_like, params)
        return jax.lax.scan(add, zero, data)[0]  # type: ignore[no-any-return]

    return meta_gradient
