"""The explicit path is the loop's gradient, whatever moves, however far, and through whatever."""

import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.outer import explicit as room
from innerloop.outer.explicit import Unknown, descent, explicit, native
from innerloop.outer.explicit.descent import Walk
from innerloop.outer.explicit.reading import read
from innerloop.outer.explicit.rules import pointwise
from innerloop.outer.gradient import totals

WAYS = 3


def images(tasks=2, side=8, queries=2):
    g = torch.Generator().manual_seed(0)
    sides = []
    for shots in (1, queries):
        y = torch.arange(WAYS).repeat(tasks, shots)
        x = torch.randn(tasks, WAYS * shots, 1, side, side, generator=g, dtype=torch.float64)
        sides.append(il.Examples(x, y, ways=WAYS))
    return il.Episodes(*sides)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU())

    def forward(self, x):
        return x + self.body(x)


NETWORKS = {
    "pooled": lambda: nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16, 4)),
    ),
    "strided": lambda: nn.Sequential(
        *(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.1)),
        *(nn.Conv2d(4, 4, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(4, 4)),
    ),
    "residual": lambda: nn.Sequential(
        *(nn.Conv2d(1, 4, 3, stride=2), Residual(), nn.GroupNorm(2, 4), nn.GELU(), Residual()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, WAYS)),
    ),
}
SETTINGS = {
    "two steps": {"inner_steps": 2},
    "no step": {"inner_steps": 0},
    "momentum": {"inner_optimiser": "momentum", "inner_steps": 3},
    "adam": {"inner_optimiser": "adam", "inner_steps": 3, "inner_lr": 0.01},
    "rmsprop, clipped": {"inner_optimiser": "rmsprop", "inner_clip": 0.5, "inner_steps": 2},
    "learnt per step": {"inner_rates": "step", "inner_steps": 2},
    "learnt per weight": {"inner_rates": "weight", "inner_steps": 2},
    "biases move": {"moves": "*.bias", "inner_steps": 2},
    "a layer is frozen": {"freeze": "0.*", "inner_steps": 2},
    "first order": {"through": il.first_order, "inner_steps": 2},
    "truncated": {"through": il.truncated(1), "inner_steps": 3},
    "adam, truncated": {
        "inner_optimiser": "adam",
        "inner_lr": 0.01,
        "inner_steps": 3,
        "through": il.truncated(1),
    },
    "another inner loss": {
        "inner_loss": lambda outputs, y: outputs.square().mean(1) + outputs[:, 0],
        "inner_steps": 2,
    },
}


@pytest.fixture(params=["kernels", "torch"], autouse=True)
def kernels(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("needs a C++ compiler")


def made(network, constructor=il.maml, **settings):
    torch.manual_seed(0)
    settings = {"inner_lr": 0.1, **settings}
    learner = constructor(NETWORKS[network]().double(), **settings)
    return learner, learner.init()


def agrees(learner, meta, episodes, path=None):
    plain = learner.on_path("loop").gradient(meta, episodes)
    path = path or explicit(learner.method, meta, episodes, even_slow=True)
    found = totals(learner.method, meta, episodes, path=path).mean(meta.state)
    torch.testing.assert_close(found.losses, plain.losses, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.grads, plain.grads, rtol=1e-9, atol=1e-10)
    assert found.kept.all()
    return found


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_maml(network, setting, transductive):
    learner, meta = made(network, **SETTINGS[setting], transductive=transductive)
    agrees(learner, meta, images())


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("constructor", [il.anil, il.boil, il.fomaml, il.meta_sgd])
def test_the_family(constructor, transductive):
    agrees(*made("pooled", constructor, inner_steps=3, transductive=transductive), images())


def test_numbers_are_regressed_and_labels_told():
    for y in (torch.randn(2, 3, 4).double(), torch.rand(2, 3, 4) > 0.5):
        x = images().support.x
        agrees(
            *made("pooled", inner_steps=2), il.Episodes(il.Examples(x, y), il.Examples(x + 1, y))
        )


@pytest.mark.parametrize("network", NETWORKS)
def test_without_room_steps_are_made_again(network):
    learner, meta = made(network, inner_steps=3)
    program = read(learner.method.network, meta.params, meta.state, images().support.x[0, 0])
    walk, task = Walk(learner.method, program), images()[0]
    with torch.no_grad():
        kept, again = (walk.gradient(meta, task, room=room) for room in (1 << 30, 0))
    torch.testing.assert_close(again, kept, rtol=0, atol=0)


def test_threads_share_the_tasks():
    learner, meta = made("pooled")
    torch.set_num_threads(3)
    try:
        agrees(learner, meta, images(tasks=5))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


def test_a_task_that_is_not_finite_is_left_out():
    learner, meta = made("pooled")
    episodes = images(tasks=3)
    episodes.support.x[1, 0, 0, 0, 0] = torch.inf
    path = explicit(learner.method, meta, images(tasks=1))
    found = totals(learner.method, meta, episodes, path=path).mean(meta.state)
    assert found.kept.tolist() == [True, False, True]
    plain = learner.on_path("loop").gradient(meta, episodes)
    torch.testing.assert_close(found.grads, plain.grads, rtol=1e-9, atol=1e-10)


def test_a_frozen_parameter_stays_out():
    net = NETWORKS["pooled"]().double()
    net[0].weight.requires_grad_(False)
    learner = il.maml(net, inner_lr=0.1, inner_steps=2)
    found = agrees(learner, learner.init(), images())
    assert "0.weight" not in found.grads


def test_a_rule_that_is_wrong_is_found_out(monkeypatch):
    learner, meta = made("strided")
    wrong = pointwise.Pointwise(torch.tanh, lambda x, y: (1 - y * y, None))
    target = torch.ops.aten.tanh.default
    monkeypatch.setitem(room.reading.PATTERNS[-2].__globals__["POINTWISE"], target, wrong)
    with pytest.raises(Unknown, match="did not agree"):
        explicit(learner.method, meta, images())


class Doubtful(nn.Module):
    """Looks at its numbers to decide what to do."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 2, 3), nn.Linear(72, WAYS)

    def forward(self, x):
        return self.out((self.conv(x) if float(x.sum()) > 0 else self.conv(-x)).flatten(1))


class OverRows(nn.Module):
    """Looks at the other rows."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 2, 3), nn.Linear(72, WAYS)

    def forward(self, x):
        h = self.conv(x)
        return self.out((h - h.mean(0, keepdim=True)).flatten(1)).tanh()


def dropping():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(72, WAYS))


UNKNOWN = {
    "dropout": (dropping, {}, "vmap", "has no rule"),
    "branches": (Doubtful, {}, "loop", ""),
    "a norm without rules": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Flatten(), nn.Linear(72, WAYS))
        ),
        {},
        "vmap",
        "no rule of their own",
    ),
    "an objective": (
        NETWORKS["pooled"],
        {"inner_loss": il.losses.objective(lambda answer, s: answer(s.x).square().mean())},
        "vmap",
        "runs the model itself",
    ),
}


@pytest.mark.filterwarnings("ignore:This network has an operation")
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_goes_down_the_general_path(name):
    net, settings, path, why = UNKNOWN[name]
    learner = il.maml(net().double(), inner_lr=0.1, **settings)
    learner.gradient(learner.init(), images())
    assert learner.path == path
    assert why in learner.route.why
    assert learner.route.why


def test_rows_that_see_each_other_agree_or_are_refused():
    learner = il.maml(OverRows().double(), inner_lr=0.1)
    meta = learner.init()
    try:
        agrees(learner, meta, images())
    except Unknown:
        return


def test_a_convolutional_network_takes_the_explicit_path_by_itself():
    learner, meta = made("pooled")
    assert learner.path == "unknown"
    learner.gradient(meta, images())
    assert learner.path == "explicit"
    for path in il.outer.PATHS:
        assert learner.on_path(path).path == path


def test_where_the_path_asked_for_cannot_be_had_the_general_one_is_taken():
    learner = il.maml(dropping().double(), inner_lr=0.1).on_path("explicit")
    with pytest.warns(UserWarning, match="There is no explicit path for this learner here"):
        learner.gradient(learner.init(), images())
    assert learner.path == "vmap"


class SizedByItsInput(nn.Module):
    """Reads sizes off its input, and leaves the norm out for a single row."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.out = nn.Linear(4, WAYS)

    def forward(self, x):
        h = self.conv(x)
        h = torch.relu(self.norm(h) if len(x) > 1 else h)
        return self.out(nn.functional.max_pool2d(h, h.shape[-2:]).flatten(1))


@pytest.mark.parametrize("transductive", [False, True])
def test_each_shape_of_task_is_read_and_proven_by_itself(transductive):
    torch.manual_seed(0)
    learner = il.maml(SizedByItsInput().double(), inner_lr=0.1, transductive=transductive)
    meta, plain = learner.init(), learner.on_path("loop")
    one_row = images()
    one_row = il.Episodes(
        *(il.Examples(s.x[:, :1], s.y[:, :1], ways=WAYS) for s in (one_row.support, one_row.query))
    )
    for episodes in (images(), images(side=12), images(queries=1), one_row, images()):
        found = learner.gradient(meta, episodes).grads
        torch.testing.assert_close(found, plain.gradient(meta, episodes).grads)


def like(episodes, x, y=None):
    sides = (
        il.Examples(s.x.to(x), s.y if y is None else s.y.to(y), ways=s.ways)
        for s in (episodes.support, episodes.query)
    )
    return il.Episodes(*sides)


def test_numbers_of_another_type_are_no_danger():
    learner, meta = made("pooled")
    learner.gradient(meta, images())
    with pytest.raises(RuntimeError, match=r"dtype|type"):
        learner.gradient(meta, like(images(), torch.float32))
    short = like(images(), torch.float64, torch.uint8)
    plain = learner.on_path("loop").gradient(meta, like(images(), torch.float64, torch.int64))
    torch.testing.assert_close(learner.gradient(meta, short).losses, plain.losses)


def test_targets_of_another_type_than_the_outputs_are_no_danger():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    learner = il.maml(net, inner_lr=0.1)
    x = torch.randn(2, 6, 1, 8, 8)
    y = torch.randn(2, 6, 144, dtype=torch.float64)
    episodes = il.Episodes(il.Examples(x, y), il.Examples(x, y))
    plain = learner.on_path("loop").gradient(learner.init(), episodes)
    torch.testing.assert_close(
        learner.gradient(learner.init(), episodes).losses, plain.losses, check_dtype=False
    )


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.filterwarnings("ignore:There is no explicit path")
def test_instance_norm_is_no_batch_norm(asked):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, WAYS)).double()
    learner = il.maml(net, inner_lr=0.1)
    meta, plain = learner.init(), learner.on_path("loop")
    learner = learner.on_path("explicit") if asked else learner
    found = learner.gradient(meta, images())
    torch.testing.assert_close(found.grads, plain.gradient(meta, images()).grads)


def test_weights_may_lie_anyhow_in_memory():
    learner, meta = made("pooled")
    params = dict(meta.params)
    params["1.weight"] = torch.ones(1, dtype=torch.float64).expand(4)
    params["1.bias"] = torch.stack([torch.arange(4.0).double(), torch.ones(4).double()], 1)[:, 0]
    params["5.weight"] = params["5.weight"].flip(0).t().t()
    spread = il.Meta(params, meta.state)
    dense = il.Meta({n: p.clone().contiguous() for n, p in params.items()}, meta.state)
    torch.testing.assert_close(
        learner.gradient(spread, images()).grads,
        learner.on_path("loop").gradient(dense, images()).grads,
    )


def test_labels_below_zero_are_not_the_last_class():
    learner, meta = made("pooled")
    learner.gradient(meta, images())
    wrong = images()
    wrong.query.y[0, 0] = -1
    with pytest.raises((RuntimeError, IndexError)):
        learner.gradient(meta, wrong)


def test_a_query_that_is_not_a_number_does_not_vanish_in_a_pool():
    net = nn.Sequential(
        *(nn.BatchNorm2d(1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(1, 2, 3), nn.Flatten()),
        nn.Linear(8, WAYS),
    )
    learner = il.maml(net.double(), inner_lr=0.1)
    episodes = images()
    learner.gradient(learner.init(), episodes)
    episodes.query.x[0, 0, 0, 3, 3] = torch.nan
    assert learner.gradient(learner.init(), episodes).kept.tolist() == [False, True]


def test_a_first_task_without_a_finite_gradient_decides_nothing():
    learner, meta = made("pooled")
    episodes = images(tasks=3)
    episodes.support.x[0] = torch.nan
    assert learner.gradient(meta, episodes).kept.tolist() == [False, True, True]
    assert learner.path == "explicit"


def test_threads_that_come_later_have_as_many_as_before():
    from concurrent.futures import ThreadPoolExecutor

    learner, meta = made("pooled")
    torch.set_num_threads(2)
    try:
        learner.gradient(meta, images())
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(1)


def test_of_steps_that_are_not_differentiated_nothing_is_kept(monkeypatch):
    kept, adjoint = [], descent.adjoint

    def noting(rule, step, *more):
        kept.append((bool(step.moved), bool(step.slope), step.seen is not None))
        return adjoint(rule, step, *more)

    monkeypatch.setattr(descent, "adjoint", noting)
    for settings in ({}, {"inner_optimiser": "momentum"}):
        learner = il.maml(
            NETWORKS["pooled"]().double(), inner_steps=3, through=il.truncated(1), **settings
        )
        episodes = images(1)
        path = explicit(learner.method, learner.init(), episodes)
        kept.clear()
        path(learner.method, learner.init(), episodes)
        slope = bool(settings)  # momentum hands back what its slopes were
        assert kept == [(True, slope, True), (False, slope, False), (False, slope, False)]


def test_images_are_worked_on_in_turn_and_small_rows_together():
    net = NETWORKS["pooled"]().double()
    for learner, episodes, abreast in (
        (il.maml(net), images(5), 2),
        (il.maml(net).on_path("loop"), images(5), 1),
        (il.maml(net).on_path("vmap"), images(5), 5),
    ):
        learner.route.choose(learner.method, learner.init(), episodes)
        assert learner.route.abreast(5, threads=2) == abreast
