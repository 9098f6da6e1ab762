"""Whole training steps, compiled: forward, backward, clipping and the optimizer give what eager steps do."""

from __future__ import annotations

import copy

import pytest

import kagari as torch
from kagari.capture import groups
from kagari.capture.runner import RUNNER

nn, F = torch.nn, torch.nn.functional
STEPS = 14


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test compiles for itself, and every group that can be fused is, whether that is faster or not."""
    monkeypatch.setattr(groups.Choice, "faster_fused", True)
    torch.compiler.reset()
    yield
    assert not RUNNER.compiled.refused


class Block(nn.Module):
    """A block of a language model: attention, normalisation, a feed-forward network, dropout."""

    def __init__(self, width=32, heads=4):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        b, t, c = x.shape  # [batch, time, width]
        q, k, v = self.qkv(self.first(x)).split(c, dim=2)
        q, k, v = (a.view(b, t, self.heads, c // self.heads).transpose(1, 2) for a in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.dropout(self.out(y.transpose(1, 2).contiguous().view(b, t, c)))
        return x + self.dropout(self.down(F.gelu(self.up(self.second(x)))))


class Language(nn.Module):
    """A language model of two blocks."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(50, 32), nn.Embedding(16, 32)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 50, bias=False)

    def forward(self, x):
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Recurrent(nn.Module):
    """An LSTM and a classifier of its last state."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 12, num_layers=2, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def mlp():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3), nn.SiLU(), nn.Flatten(), nn.Linear(8 * 9, 4),
    )  # fmt: skip


MODELS = {
    "mlp": (mlp, lambda n: (torch.randn(n, 20), torch.randint(0, 4, (n,)))),
    "cnn": (cnn, lambda n: (torch.randn(n, 3, 10, 10), torch.randint(0, 4, (n,)))),
    "recurrent": (Recurrent, lambda n: (torch.randn(n, 5, 6), torch.randint(0, 4, (n,)))),
    "language": (Language, lambda n: (torch.randint(0, 50, (n, 16)), torch.randint(0, 50, (n, 16)))),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01),
}


def trainer(model, optimizer, clip=True):
    """A step of training as a function of a batch, and its learning-rate schedule."""
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)

    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = F.cross_entropy(out.flatten(0, -2), y.flatten())
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    return step


def test_a_step_with_its_optimizer_is_one_part():
    """Also where a parameter and its gradient lie differently, and where parameters are parts of one storage."""

    def build():
        torch.manual_seed(0)
        turned = nn.Parameter(torch.randn(5, 4).t())
        whole = torch.randn(10)
        parts = [nn.Parameter(whole[:4]), nn.Parameter(whole[6:])]
        optimizer = torch.optim.Adam([turned, *parts], 0.1)
        x = torch.randn(8, 5)

        def step():
            optimizer.zero_grad()
            loss = (((x @ turned.t() + parts[0]) * parts[1]) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, [turned, whole]

    (step, tensors), (other, others) = build(), build()
    compiled = torch.compile(step)
    compiled.choose(False)
    for _ in range(STEPS):
        torch.testing.assert_close(compiled(), other())
    torch.testing.assert_close(tensors, others)
    part = compiled.explain().parts[-1]
    updates = [k for k in part.kernels if k.operators == ("adam",)]
    assert part.split == "the call ended" and [k.bytes for k in updates] == [7 * 80, 7 * 16, 7 * 16]


def determined(name, p):
    """What of a parameter the loss depends on: softmax does not see a bias of the keys, whose gradient is rounding."""
    if not name.endswith("qkv.bias"):
        return p
    queries, _, values = p.chunk(3)
    return torch.cat([queries, values])


def test_gradients_are_summed_up_by_the_products_that_make_them():
    torch.manual_seed(0)
    model, other = nn.Linear(6, 5), nn.Linear(6, 5)
    other.load_state_dict(model.state_dict())
    batches = [(torch.randn(8, 6), torch.randn(8, 6)) for _ in range(STEPS)]

    def step(model, x, y):
        model.zero_grad()
        model(x).tanh().mean().backward()
        model(y).tanh().mean().backward()

    compiled = torch.compile(step)
    compiled.choose(False)
    for x, y in batches:
        compiled(model, x, y)
        step(other, x, y)
        torch.testing.assert_close([p.grad for p in model.parameters()], [p.grad for p in other.parameters()])
    assert ("linear_backward", "add_", "add_") in [k.operators for k in compiled.explain().parts[-1].kernels]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_training(name, optimizer):
    make, batch = MODELS[name]
    torch.manual_seed(0)
    model = make()
    other = copy.deepcopy(model)
    batches = [batch(6) for _ in range(STEPS)]
    eager = trainer(model, OPTIMIZERS[optimizer](model.parameters()))
    compiled = torch.compile(trainer(other, OPTIMIZERS[optimizer](other.parameters())))
    losses = []
    for step in (eager, compiled):
        torch.manual_seed(1)
        losses.append([step(*b) for b in batches])
    torch.testing.assert_close(losses[1], losses[0], rtol=2e-3, atol=1e-5)
    for (key, p), q in zip(model.state_dict().items(), other.state_dict().values()):
        torch.testing.assert_close(determined(key, q), determined(key, p), rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_new_batch_sizes_and_rates_compile_nothing(name):
    make, batch = MODELS[name]
    model = make()
    other = copy.deepcopy(model)
    eager = trainer(model, torch.optim.SGD(model.parameters(), 0.01))
    compiled = torch.compile(trainer(other, torch.optim.SGD(other.parameters(), 0.01)))

    def both(n):
        b = batch(n)
        seed = torch.initial_seed()
        torch.manual_seed(seed)
        expected = eager(*b)
        torch.manual_seed(seed)
        torch.testing.assert_close(compiled(*b), expected, rtol=1e-3, atol=1e-5)

    for n in (7, 7, 7, 7, 9, 9, 9, 9):
        both(n)
    programs = RUNNER.compiled.programs
    for n in (11, 11, 11, 13, 13, 13):
        both(n)
    assert RUNNER.compiled.programs == programs > 0


def test_inference():
    model = Language().eval()
    compiled = torch.compile(model)
    x = torch.randint(0, 50, (3, 16))
    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with mode():
            for _ in range(6):
                torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-5)
    assert RUNNER.compiled.programs > 0


def test_gradients_accumulate():
    model = mlp().eval()
    other = copy.deepcopy(model)

    def step(model, x):
        for part in x.chunk(3):
            model(part).square().mean().backward()
        return [p.grad.clone() for p in model.parameters()]

    compiled = torch.compile(lambda x: step(other, x))
    for _ in range(8):
        x = torch.randn(12, 20)
        torch.testing.assert_close(compiled(x), step(model, x), rtol=1e-4, atol=1e-5)


def test_a_module_compiled_within_an_eager_step():
    torch.manual_seed(0)
    model = cnn()
    other = copy.deepcopy(model)
    wrapped = torch.compile(other)
    one = torch.optim.Adam(model.parameters(), 0.01)
    two = torch.optim.Adam(wrapped.parameters(), 0.01)
    for _ in range(10):
        x, y = torch.randn(4, 3, 10, 10), torch.randint(0, 4, (4,))
        losses = []
        for net, optimizer in ((model, one), (wrapped, two)):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for p, q in zip(model.state_dict().values(), other.state_dict().values()):
        torch.testing.assert_close(q, p, rtol=2e-2, atol=2e-3)
