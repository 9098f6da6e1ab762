"""Operations that FlopCounterMode counts, beside those that PyTorch's counts."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari as torch
from kagari.utils.flop_counter import FlopCounterMode, register_flop_formula

Program = Callable[[Any, Callable[..., Any]], Any]


def leaves(torch: Any) -> Callable[..., Any]:
    return lambda *shape: torch.rand(*shape, requires_grad=True)


def counts(counter: Any) -> dict[str, dict[str, int]]:
    return {module: {str(op): n for op, n in found.items()} for module, found in counter.get_flop_counts().items()}


def counted(torch: Any, counter: type, program: Program) -> dict[str, dict[str, int]]:
    with counter(display=False) as mode:
        program(torch, leaves(torch)).sum().backward()
    assert sum(counts(mode)["Global"].values() if counts(mode) else [0]) == mode.get_total_flops()
    return counts(mode)


PROGRAMS: dict[str, Program] = {
    "linear": lambda torch, r: torch.nn.functional.linear(r(2, 3, 4), r(5, 4), r(5)),
    "linear of a batch": lambda torch, r: torch.nn.functional.linear(torch.rand(7, 4), r(5, 4)),
    "linear of a vector": lambda torch, r: torch.nn.functional.linear(r(4), r(5, 4), r(5)),
    "linear, frozen": lambda torch, r: torch.nn.functional.linear(r(7, 4), torch.rand(5, 4)),
    "mm": lambda torch, r: torch.mm(r(3, 4), r(4, 5)),
    "matmul": lambda torch, r: r(3, 4) @ r(4, 5),
    "matmul of half a gradient": lambda torch, r: r(3, 4) @ torch.rand(4, 5),
    "matmul of a stack": lambda torch, r: r(2, 3, 4) @ r(4, 5),
    "matmul of stacks": lambda torch, r: r(2, 3, 4) @ r(2, 4, 5),
    "matmul of stacks of stacks": lambda torch, r: r(2, 2, 3, 4) @ r(2, 2, 4, 5),
    "matrix and vector": lambda torch, r: r(3, 4) @ r(4),
    "stack and vector": lambda torch, r: r(2, 3, 4) @ r(4),
    "vector and matrix": lambda torch, r: r(4) @ r(4, 5),
    "vectors": lambda torch, r: r(4) @ r(4),
    "outer": lambda torch, r: torch.outer(r(3), r(4)),
    "einsum": lambda torch, r: torch.einsum("ij,jk->ik", r(4, 3), r(3, 2)),
    "einsum of stacks": lambda torch, r: torch.einsum("bhid,bhjd->bhij", r(2, 2, 4, 3), r(2, 2, 4, 3)),
    "einsum of three": lambda torch, r: torch.einsum("ij,jk,kl->il", r(4, 3), r(3, 2), torch.rand(2, 6)),
    "conv1d": lambda torch, r: torch.nn.functional.conv1d(r(2, 3, 8), r(6, 3, 3)),
    "conv2d": lambda torch, r: torch.nn.functional.conv2d(r(2, 3, 8, 8), r(6, 3, 3, 3), r(6), stride=2, padding=1),
    "conv2d of one": lambda torch, r: torch.nn.functional.conv2d(r(3, 8, 8), r(6, 3, 3, 3)),
    "conv2d of groups": lambda torch, r: torch.nn.functional.conv2d(r(2, 4, 8, 8), r(6, 2, 3, 3), groups=2),
    "conv2d of channels": lambda torch, r: torch.nn.functional.conv2d(r(2, 4, 8, 8), r(4, 1, 3, 3), groups=4),
    "conv3d": lambda torch, r: torch.nn.functional.conv3d(torch.rand(2, 4, 5, 5, 5), r(6, 4, 3, 3, 3)),
    "transposed": lambda torch, r: torch.nn.functional.conv_transpose2d(r(2, 4, 8, 8), r(4, 6, 3, 3), stride=2),
    "transposed, groups": lambda torch, r: torch.nn.functional.conv_transpose2d(r(2, 4, 8, 8), r(4, 3, 3, 3), groups=2),
    "addmm": lambda torch, r: torch.addmm(r(5), r(3, 4), r(4, 5)),
    "baddbmm": lambda torch, r: torch.baddbmm(r(5), r(2, 3, 4), r(2, 4, 5)),
    "tensordot": lambda torch, r: torch.tensordot(r(3, 2, 4), r(4, 5), 1),
    "multi_dot": lambda torch, r: torch.linalg.multi_dot([r(3, 4), r(4, 5), r(5, 6)]),
    "attention with dropout": lambda torch, r: torch.nn.functional.scaled_dot_product_attention(
        r(2, 3, 4, 5), r(2, 3, 6, 5), r(2, 3, 6, 5), dropout_p=0.5
    ),
    "encoder layer": lambda torch, r: torch.nn.TransformerEncoderLayer(4, 2, 8)(torch.rand(5, 2, 4)),
    "no products": lambda torch, r: (r(3) * r(3)).exp(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_counts_are_the_oracles(name: str, oracle: ModuleType) -> None:
    from torch.utils.flop_counter import FlopCounterMode as Theirs

    ours, theirs = counted(torch, FlopCounterMode, PROGRAMS[name]), counted(oracle, Theirs, PROGRAMS[name])
    if name == "encoder layer":  # a module's gradient is counted for it alone here
        assert ours["Global"] == theirs["Global"]
    else:
        assert ours.get("Global", {}) == theirs.get("Global", {})


def network(torch: Any) -> Any:
    nn = torch.nn
    tail = nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * 8, 10))
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), tail)


def test_modules_and_their_gradients(oracle: ModuleType) -> None:
    from torch.utils.flop_counter import FlopCounterMode as Theirs

    found = []
    for library, kind in ((torch, FlopCounterMode), (oracle, Theirs)):
        with kind(display=False) as mode:
            network(library)(library.rand(2, 3, 8, 8)).sum().backward()
        found.append(counts(mode))
    assert found[0] == found[1]
    assert set(found[0]) == {"Global", "Sequential", "Sequential.0", "Sequential.2", "Sequential.2.1"}


TABLE = """\
Module                           FLOP    % Total
---------------------------  --------  ---------
Sequential                   172.032K    100.00%
- aten.convolution            55.296K     32.14%
- aten.addmm                  20.480K     11.90%
- aten.mm                     40.960K     23.81%
- aten.convolution_backward   55.296K     32.14%
Sequential.0                 110.592K     64.29%
- aten.convolution            55.296K     32.14%
- aten.convolution_backward   55.296K     32.14%
Sequential.2                  61.440K     35.71%
- aten.addmm                  20.480K     11.90%
- aten.mm                     40.960K     23.81%
"""  # as PyTorch prints it


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with FlopCounterMode() as mode:
        network(torch)(torch.rand(2, 3, 8, 8)).sum().backward()
    assert capsys.readouterr().out == TABLE
    assert mode.get_total_flops() == 172032
    assert mode.get_table(1).splitlines() == TABLE.splitlines()[:7]
    assert mode.get_table(0).splitlines()[2].split()[0] == "Global"
    with mode:  # a second time counts anew
        torch.rand(2, 3) @ torch.rand(3, 4)
    assert mode.get_flop_counts() == {"Global": {"aten.mm": 48}}
    with FlopCounterMode(depth=None):
        pass
    assert capsys.readouterr().out.splitlines()[-1].split() == ["Global", "0", "0%"]


def test_a_module_that_is_called_twice() -> None:
    """PyTorch loses half of its gradient."""

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.inner(self.inner(x)) + x @ x

    with FlopCounterMode(display=False) as mode:
        Twice()(torch.rand(4, 4, requires_grad=True)).sum().backward()
    assert mode.get_flop_counts() == {
        "Global": {"aten.addmm": 2 * 128, "aten.mm": 128 + 6 * 128},
        "Twice": {"aten.addmm": 2 * 128, "aten.mm": 128 + 6 * 128},
        "Twice.inner": {"aten.addmm": 2 * 128, "aten.mm": 4 * 128},
    }


def test_attention() -> None:
    """PyTorch has no formula for its attention on CPUs."""
    r = leaves(torch)
    with FlopCounterMode(display=False) as mode:
        torch.nn.functional.scaled_dot_product_attention(r(2, 3, 4, 5), r(2, 3, 6, 5), r(2, 3, 6, 5)).sum().backward()
    product = 2 * 2 * 3 * 4 * 6 * 5
    assert mode.get_flop_counts()["Global"] == {
        "aten._scaled_dot_product_flash_attention": 2 * product,
        "aten._scaled_dot_product_flash_attention_backward": 5 * product,
    }


def test_gradients_of_gradients_are_counted() -> None:
    x, w = torch.rand(3, 4), torch.rand(4, 5, requires_grad=True)
    with FlopCounterMode(display=False) as mode:
        (first,) = torch.autograd.grad((x @ w).exp().sum(), w, create_graph=True)
    assert mode.get_total_flops() == 2 * 120
    with mode:
        first.sum().backward()
    assert mode.get_total_flops() == 2 * 120


def test_recurrent_gradients_belong_to_their_module() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LSTM(3, 4))
    with FlopCounterMode(display=False) as mode:
        model(torch.rand(2, 5, 3))[0].sum().backward()
    found = {module: sum(of.values()) for module, of in mode.get_flop_counts().items()}
    assert found["Sequential"] == found["Global"] == found["Sequential.0"] + found["Sequential.1"]
    assert found["Sequential.0"] == 2 * 180  # its input wants no gradient


def test_formulas_of_ones_own() -> None:
    @torch.library.custom_op("counting::squared", mutates_args=())
    def squared(x: torch.Tensor, n: int) -> torch.Tensor:
        return x @ x

    with FlopCounterMode(display=False) as mode:
        squared(torch.rand(3, 3), 2)
    assert mode.get_flop_counts()["Global"] == {"aten.mm": 54}

    seen = []

    @register_flop_formula(squared)
    def of_squared(x: Any, n: int, *, out_shape: Any = None) -> int:
        seen.append((x, n, out_shape))
        return 1000 * n

    with mode:
        squared(torch.rand(3, 3), 2)
    assert mode.get_flop_counts() == {"Global": {"counting.squared": 2000}}
    assert seen == [(torch.Size([3, 3]), 2, torch.Size([3, 3]))]
    with pytest.raises(RuntimeError, match="duplicate registrations"):
        register_flop_formula(squared)(of_squared)
    with pytest.raises(ValueError, match="expected each target to be an operator"):
        register_flop_formula("x")(of_squared)

    @register_flop_formula("aten.tanh", get_raw=True)
    def of_tanh(x: Any, *, out_val: Any) -> int:
        return int((x < 0).sum())

    def of_mul(*shapes: Any, out_shape: Any) -> int:
        return 5

    with FlopCounterMode(display=False, custom_mapping={"aten.mul": of_mul}) as mode:
        (torch.tensor([-1.0, 2]) * 2).tanh()
    assert mode.get_flop_counts()["Global"] == {"aten.mul": 5, "aten.tanh": 1}


def test_counts_beside_a_profiler() -> None:
    with torch.profiler.profile() as prof, FlopCounterMode(display=False) as mode:
        torch.rand(2, 3) @ torch.rand(3, 4)
    with FlopCounterMode(display=False) as outer:
        with torch.profiler.profile(), FlopCounterMode(display=False) as inner:
            torch.rand(2, 3) @ torch.rand(3, 4)
        torch.rand(2, 3) @ torch.rand(3, 4)
    assert "aten::matmul" in {event.name for event in prof.events()}
    assert [m.get_total_flops() for m in (mode, inner, outer)] == [48, 48, 96]


def test_results_that_are_written_elsewhere() -> None:
    x, out = torch.rand(3, 3), torch.empty(3, 3)
    with FlopCounterMode(display=False) as mode:
        torch.mm(x, x, out=out)
        torch.exp(x, out=out)
    assert mode.get_flop_counts() == {"Global": {"aten.mm": 54}}


def test_what_comes_later_is_not_counted() -> None:
    x = torch.rand(3, 3, requires_grad=True)
    with FlopCounterMode(display=False) as mode:
        y = x @ x
    y.sum().backward()
    x @ x
    assert mode.get_total_flops() == 54


def test_the_tracker_of_modules(oracle: ModuleType) -> None:
    from torch.utils.module_tracker import ModuleTracker as Theirs

    from kagari.utils.module_tracker import ModuleTracker

    found = []
    for lib, kind in ((torch, ModuleTracker), (oracle, Theirs)):
        nn = lib.nn
        model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh()))
        seen = []
        with kind() as tracker:
            model[0].register_forward_hook(lambda *_, t=tracker, s=seen: s.append((t.parents | set(), t.is_bw)))
            y = model(lib.ones(1, 2, requires_grad=True))
            seen.append((tracker.parents | set(), tracker.is_bw))
            y.register_hook(lambda grad, t=tracker, s=seen: s.append((t.parents & {"Global"}, True)))
            y.sum().backward()
        seen.append((tracker.parents | set(), False))
        found.append([(sorted(names), is_bw) for names, is_bw in seen])
    assert found[0] == found[1]


def test_the_tracker_in_a_backward_pass() -> None:
    from kagari.utils.module_tracker import ModuleTracker

    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Tanh()))
    seen = []
    with ModuleTracker() as tracker:
        hidden = model[0](torch.ones(1, 2))
        y = model(torch.ones(1, 2))
        y.grad_fn.register_prehook(lambda grads: seen.append((sorted(tracker.parents), tracker.is_bw)))
        (y.sum() + hidden.sum()).backward()
        assert not tracker.is_bw and tracker.parents == {"Global"}
    assert seen == [(["Global", "Sequential", "Sequential.1", "Sequential.1.0"], True)]
