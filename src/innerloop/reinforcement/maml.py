"""MAML for policies: a start from which a policy gradient step solves a task (Finn et al. 2017)."""

from __future__ import annotations

from innerloop.errors import InputError, not_one_of, shown
from innerloop.inner.descent import check_steps
from innerloop.reinforcement.agent import Improves, agent
from innerloop.reinforcement.ascent import Ascent
from innerloop.reinforcement.credit import CREDITS
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.environments.distribution import check_whole
from innerloop.reinforcement.networks.policies import Categorical, Gaussian, Perceptron
from innerloop.reinforcement.trust import Proximal, TrustRegion


@agent(steps=500, meta_batch=20, lr=1.0, schedule="constant")
def maml(
    tasks: TaskDistribution,
    *,
    inner_lr: float = 0.1,
    later: float = 0.25,
    inner_steps: int = 1,
    rollouts: int = 20,
    hidden: int = 64,
    layers: int = 2,
    deviation: float = 1.0,
    estimator: str = "lvc",
    outer: str = "trpo",
    discount: float = 0.99,
    trace: float = 1.0,
    max_kl: float = 0.01,
    cg_iterations: int = 10,
    damping: float = 1e-5,
    curvature_every: int = 5,
    ratio_clip: float = 0.2,
    epochs: int = 5,
) -> Improves:
    """MAML-RL: the start from which a few policy gradient steps solve a new task.

        theta_k+1 = theta_k + inner_lr * grad J(theta_k), by `rollouts` episodes of theta_k
        maximise over theta_0 the mean over tasks of J(theta_inner_steps)

    (Finn et al. 2017, arXiv:1703.03400.) The policy is a network of the observation alone, Gaussian
    where actions are numbers, with advantages over a linear baseline (Duan et al. 2016,
    arXiv:1604.06778). A trial's episode stands for `rollouts` side by side, after which a step is
    taken: `evaluate` shows the return after 0, 1, 2 ... steps. Without inner_steps the policy is
    trained for all tasks at once.

    later: what part of inner_lr the steps after the first have. deviation: of actions that are
        numbers, before training.
    estimator: "lvc" (low variance) or "dice" (no bias), how an inner step is differentiated.
    outer: "trpo", with max_kl, cg_iterations, damping, and curvature from one step in
        curvature_every; or "ppo", `epochs` steps of the optimiser with ratio_clip.
    discount, trace: of the advantages.

    >>> import torch
    >>> from innerloop.reinforcement import Step, semicircle
    >>> learner = maml(semicircle(), hidden=8)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> seen, ended = torch.rand(6, 2), torch.tensor([0, 0, 1, 0, 0, 1]).bool()
    >>> fast = learner.adapt(meta, Step(seen, torch.rand(6, 2), torch.rand(6), ended, seen))
    >>> learner.predict(meta, fast, torch.zeros(2)).shape
    torch.Size([2])
    """
    check_steps(inner_steps)
    for name, whole in (("rollouts", rollouts), ("hidden", hidden), ("layers", layers)):
        check_whole(name, whole)
    for name, share in (("later", later), ("discount", discount), ("trace", trace)):
        check_between(name, share, 0, 1)
    check_between("inner_lr", inner_lr, 0)
    check_between("deviation", deviation, 1e-6)
    for what, table, given in (("estimator", CREDITS, estimator), ("outer", OUTER, outer)):
        if given not in table:
            raise not_one_of(what, table, given)
    check_whole("cg_iterations", cg_iterations)
    check_whole("curvature_every", curvature_every)
    check_whole("epochs", epochs)
    check_between("max_kl", max_kl, 1e-12)
    check_between("damping", damping, 0)
    check_between("ratio_clip", ratio_clip, 0, 1)
    world = tasks.world
    return Ascent(
        network=Perceptron(world.observations, hidden, layers, world.actions),
        kind=Gaussian(deviation) if world.continuous else Categorical(),
        credit=CREDITS[estimator],
        outer=(
            TrustRegion(max_kl, cg_iterations, damping, curvature_every)
            if outer == "trpo"
            else Proximal(ratio_clip, epochs)
        ),
        rollouts=rollouts,
        inner_lr=inner_lr,
        later=later,
        inner_steps=inner_steps,
        discount=discount,
        trace=trace,
    )


OUTER = ("trpo", "ppo")


def check_between(name: str, value: float, least: float, most: float = 1e6) -> None:
    if not least <= value <= most:
        raise InputError(
            f"{name} must be from {least:g} to {most:g}, got {shown(value)}; leave it out for what is usual.",
            f"{name} 必须在 {least:g} 到 {most:g} 之间，收到 {shown(value)}；省略它即采用常用值。",
        )
