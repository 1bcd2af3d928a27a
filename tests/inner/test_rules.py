"""Inner rules, step by step, against torch.optim."""

import pytest
import torch

import innerloop as il
from innerloop.inner import Adam, Clipped, Learnt, Rmsprop, Sgd, descend
from innerloop.inner.rules import OPTIMISERS, rule_of

START = {"w": torch.randn(3, 2, dtype=torch.float64), "b": torch.randn(2, dtype=torch.float64)}
X = torch.randn(5, 3, dtype=torch.float64)


def loss(params):
    return ((X @ params["w"] + params["b"]).sin() ** 2).sum()


CASES = [
    (Sgd(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    (Sgd(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    (
        Sgd(0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    (Rmsprop(0.05), lambda p: torch.optim.RMSprop(p, lr=0.05)),
    (Adam(0.05), lambda p: torch.optim.Adam(p, lr=0.05)),
    (Adam(0.05, betas=(0.0, 0.999)), lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.0, 0.999))),
]


NAMES = ["sgd", "momentum", "nesterov", "rmsprop", "adam", "reptile"]


@pytest.mark.parametrize(("rule", "make"), CASES, ids=NAMES)
def test_a_rule_takes_the_steps_of_torch_optim(rule, make):
    theirs = {n: p.clone().requires_grad_() for n, p in START.items()}
    optimiser = make(list(theirs.values()))
    for steps in range(1, 6):
        optimiser.zero_grad()
        loss(theirs).backward()
        optimiser.step()
        ours = descend(loss, START, rule, steps)
        for name, value in ours.items():
            torch.testing.assert_close(value, theirs[name].detach(), rtol=1e-9, atol=1e-10)


def test_learnt_rates_are_taken_elementwise():
    rule = Learnt(0.1)
    learnt = rule.learn(START)
    assert {n: float(r.mean()) for n, r in learnt.items()} == pytest.approx(
        {"inner_lr.w": 0.1, "inner_lr.b": 0.1}
    )
    same = descend(loss, START, Sgd(0.1), 2)
    found = descend(loss, START, rule, 2, learnt=learnt)
    torch.testing.assert_close(found, same)
    learnt["inner_lr.w"] = torch.zeros_like(learnt["inner_lr.w"])
    assert (descend(loss, START, rule, 2, learnt=learnt)["w"] == START["w"]).all()


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("clip", [None, 0.1])
def test_a_rule_can_be_differentiated_where_a_gradient_is_zero(name, clip):
    start = {"w": torch.zeros(2, dtype=torch.float64)}
    rule = rule_of(name, lr=0.1, clip=clip)

    def outer(w):
        moved = descend(lambda p: (p["w"][0] - 1) ** 2, {"w": w}, rule, 3)
        return moved["w"].sum()

    assert torch.func.grad(outer)(start["w"]).isfinite().all()
    still = descend(lambda p: 0 * p["w"].sum(), start, rule, 2)
    assert (still["w"] == 0).all()


def test_a_long_gradient_is_shortened_and_a_short_one_is_left_alone():
    grads = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor(4.0)}  # norm 5
    for longest, factor in ((1.0, 0.2), (10.0, 1.0), (5.0, 1.0)):
        step, _ = Clipped(Sgd(1.0), longest).step(grads, {}, {})
        torch.testing.assert_close(step, {n: -factor * g for n, g in grads.items()})


def test_rates_per_layer_and_step_are_taken_in_turn_and_then_the_last():
    rule = Learnt(0.1, per="step", steps=2)
    learnt = rule.learn(START)
    assert {n: tuple(r.shape) for n, r in learnt.items()} == {
        "inner_lr.w": (2,),
        "inner_lr.b": (2,),
    }
    learnt = {n: torch.tensor([0.1, 0.02], dtype=r.dtype) for n, r in learnt.items()}
    expected = START
    for rate in (0.1, 0.02, 0.02):
        expected = descend(loss, expected, Sgd(rate), 1)
    torch.testing.assert_close(descend(loss, START, rule, 3, learnt=learnt), expected)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("per", ["weight", "layer", "step"])
def test_learnt_rates_begin_where_fixed_ones_stay(name, per):
    rule = rule_of(name, lr=0.05, rates=per, steps=3)
    found = descend(loss, START, rule, 3, learnt=rule.learn(START))
    torch.testing.assert_close(found, descend(loss, START, rule_of(name, lr=0.05), 3))


def test_a_rule_s_rate_has_one_home():
    assert rule_of(Adam(betas=(0.0, 0.9)), lr=0.1) == Adam(0.1, betas=(0.0, 0.9))
    assert rule_of(Clipped(Sgd(), 2.0), lr=0.1) == Clipped(Sgd(0.1), 2.0)
    with pytest.raises(il.InputError, match=r"one home: write inner_lr=0\.5 beside a Adam without"):
        rule_of(Adam(0.5), lr=0.1)
    with pytest.raises(il.InputError, match=r"Adam has no rate yet; write Adam\(0\.01\)"):
        descend(loss, START, Adam(), 1)


def test_a_rule_of_the_user_s_own_is_taken_as_it_is():
    class Signs:
        def learn(self, params):
            return {}

        def start(self, params):
            return {}

        def step(self, grads, memory, learnt):
            return {n: -0.1 * g.sign() for n, g in grads.items()}, memory

    net = torch.nn.Linear(1, 1)
    learner = il.maml(net, inner_optimiser=Signs())
    meta = learner.init()
    fast = learner.adapt(meta, il.Examples(torch.ones(1, 1), 100 * torch.ones(1, 1)))
    torch.testing.assert_close(fast["params"]["bias"], net.bias.detach() + 0.1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inner_optimiser": "adm"}, "inner_optimiser must be one of sgd, .* did you mean adam"),
        ({"inner_rates": "layers"}, "inner_rates must be one of fixed, weight, layer, step, got"),
        ({"inner_clip": 0}, "inner_clip must be a finite number above 0, got 0; try 10"),
        ({"inner_lr": -1}, "inner_lr must be a finite number of 0 or more, got -1; try 0.01"),
        ({"moves": "1.*"}, r"moves='1\.\*' fits no parameter .* they are: weight, bias\."),
        ({"freeze": "bias, 2.*"}, r"freeze='2\.\*' fits no parameter .* they are: weight, bias"),
    ],
)
def test_settings_that_make_no_sense_are_said(settings, said):
    with pytest.raises(il.InputError, match=said):
        il.maml(torch.nn.Linear(1, 1), **settings)


def test_nesterov_needs_momentum():
    with pytest.raises(il.InputError, match=r"write Sgd\(momentum=0\.9, nesterov=True\)"):
        Sgd(0.1, nesterov=True)
