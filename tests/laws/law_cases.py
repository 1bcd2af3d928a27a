"""Every algorithm of the table on several small networks, in float64, with smooth activations."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor, nn

from innerloop import Episodes, Examples, InputError, Learner, Meta
from innerloop.algorithms import ALGORITHMS

TASKS, WAYS, SHOTS, QUERIES = 3, 3, 2, 2
CLASSES = 7  # of meta-training, for learners that pretrain on all of them
SMALL = {"width": 8, "layers": 2, "heads": 2, "samples": 3}
FEW = {"inner_steps": 2, "inner_lr": 0.05}


VARIANTS = {  # settings that are another algorithm in all but name: they keep the laws too
    "protonet": {"distance": "cosine"},
    "finetune": {"moves": "all"},
    "reptile": {"adam": True},
    "ridge": {"standardise": True},
    "nearest_neighbour": {"neighbours": 3},
    "nearest_centroid": {"normalise": True},
    "anp": {"latent": True},
    "tnp": {"joint": True},
}


def mlp(outputs: int | None) -> nn.Module:
    head = [] if outputs is None else [nn.Linear(6, outputs)]
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), *head)


def conv(outputs: int | None) -> nn.Module:
    head = [] if outputs is None else [nn.Linear(12, outputs)]
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), *head
    )
    net.features = 12
    return net


def conv_norm(outputs: int | None) -> nn.Module:
    head = [] if outputs is None else [nn.Linear(12, outputs)]
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2)]
    net = nn.Sequential(*layers, nn.Flatten(), *head)
    net.features = 12
    return net


NETWORKS = {"mlp": mlp, "conv": conv, "conv_norm": conv_norm}


def learner(name: str, network: str, *, outputs: int = WAYS, regression: bool = False, **settings):
    """The algorithm with few inner steps, whatever settings it has."""
    constructor = ALGORITHMS[name]
    has = inspect.signature(constructor).parameters
    settings = {k: v for k, v in {**FEW, **settings}.items() if k in has}
    if "classes" in has and not regression:
        settings["classes"] = CLASSES
    encoder = constructor.suggestions.encoder and not regression
    if "targets" in has:  # features, and a network of its own over them
        encoder, settings = True, {**SMALL, **settings, "targets": 1 if regression else 0}
        settings = {k: v for k, v in settings.items() if k in has}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = NETWORKS[network](None if encoder else outputs).double()
    return constructor(net, **settings)


def start(learner: Learner, seed: int = 0) -> Meta:
    return learner.init(torch.Generator().manual_seed(seed))


def inputs(network: str, *shape: int, seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    size = (4,) if network == "mlp" else (1, 4, 4)
    return torch.randn(*shape, *size, generator=g, dtype=torch.float64)


def classification(
    network: str, *, tasks: int = TASKS, ways: int = WAYS, shots: int = SHOTS, seed: int = 0
) -> Episodes:
    """Classes that differ by more than noise, in an order that is not sorted."""
    g = torch.Generator().manual_seed(seed)
    sides = []
    centres = inputs(network, tasks, ways, seed=seed)
    for each, noise in ((shots, seed + 1), (QUERIES, seed + 2)):
        y = torch.arange(ways).repeat(each)  # 0 1 2 0 1 2
        x = centres[:, y] + 0.5 * inputs(network, tasks, len(y), seed=noise)
        sides.append(Examples(x, y.repeat(tasks, 1), ways=ways))
    classes = torch.stack([torch.randperm(CLASSES, generator=g)[:ways] for _ in range(tasks)])
    return Episodes(*sides, task=torch.arange(tasks), classes=classes)


def regression(*, tasks: int = TASKS, seed: int = 0) -> Episodes:
    sides = []
    for rows, noise in ((5, seed), (4, seed + 1)):
        x = inputs("mlp", tasks, rows, seed=noise)
        sides.append(Examples(x, x.sin().sum(-1, keepdim=True)))
    return Episodes(*sides, task=torch.arange(tasks))


def regresses(name: str) -> bool:
    """Whether the algorithm takes targets in floating point; if not, it says so in a sentence."""
    try:
        made = learner(name, "mlp", outputs=1, regression=True)
        made.adapt(start(made), regression()[0].support)
    except (InputError, TypeError):
        return False
    return True


def cases() -> list[tuple[str, str, str]]:
    """(algorithm, network, kind)"""
    found = [(name, network, "classes") for name in ALGORITHMS for network in NETWORKS]
    found += [(name, "mlp", "numbers") for name in ALGORITHMS if regresses(name)]
    return found + [(name, "conv_norm", "variant") for name in VARIANTS]


def case(name: str, network: str, kind: str, **settings) -> tuple[Learner, Meta, Episodes]:
    numbers = kind == "numbers"
    if kind == "variant":
        settings = {**VARIANTS[name], **settings}
    made = learner(name, network, outputs=1 if numbers else WAYS, regression=numbers, **settings)
    return made, start(made), regression() if numbers else classification(network)


def learns(learner: Learner) -> bool:
    return learner.suggestions.steps > 0


def biggest(a, b) -> float:
    """The largest difference between two trees of tensors."""
    leaves = torch.utils._pytree.tree_leaves
    pairs = list(zip(leaves(a), leaves(b), strict=True))
    return max(
        (
            float((x.detach().double() - y.detach().double()).abs().max())
            for x, y in pairs
            if x.numel()
        ),
        default=0.0,
    )
