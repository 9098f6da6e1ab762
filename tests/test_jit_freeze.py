"""Frozen scripts next to the oracle, and settings of its executor."""

from __future__ import annotations

from typing import Any

import pytest
from test_jit import as_lists, assert_same, load, same_state

import kagari

__all__ = ["load"]
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # the oracle's

NET = """
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.p = nn.Parameter(torch.ones(2))
        self.k = 2
        self.n = 0
        self.register_buffer('seen', torch.zeros(1))
    def forward(self, x):
        x = self.bn(self.c(x))
        if self.training: x = x + 1
        self.n += 1
        self.seen += 1
        return x * self.k + self.p.sum(), self.n, self.seen
    @torch.jit.export
    def ver(self): return self.k
def make(): return M().eval()
args = (torch.ones(1, 1, 5, 5),)
"""


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, {"optimize_numerics": False}, {"preserved_attrs": ["ver", "k"]}])
def test_frozen_modules(options: dict[str, Any], load: Any) -> None:
    ours, theirs = (load(NET, lib) for lib in ("kagari", "torch"))
    a, b = ours.make(), theirs.make()
    same_state(a, b)
    mine, other = (p.torch.jit.freeze(p.torch.jit.script(m), **options) for p, m in ((ours, a), (theirs, b)))
    for _ in range(2):
        assert_same(mine(*ours.args), other(*theirs.args))
    assert repr(mine) == repr(other)
    assert list(mine.parameters()) == [] and ("batch_norm" in mine.code) == ("batch_norm" in other.code)
    for name in ("c", "k", "ver", "n", "seen"):
        assert hasattr(mine, name) == hasattr(other, name), name
    if "preserved_attrs" in options:
        assert mine.ver() == other.ver() == 2


def test_normalizations_join_convolutions() -> None:
    for conv, norm, size in (("Conv1d", "BatchNorm1d", 1), ("Conv2d", "BatchNorm2d", 2), ("Conv3d", "BatchNorm3d", 3)):
        net = kagari.nn.Sequential(getattr(kagari.nn, conv)(2, 3, 2), getattr(kagari.nn, norm)(3))
        x = kagari.rand(2, 2, *[4] * size)
        net(x)
        net.eval()
        traced = kagari.jit.freeze(kagari.jit.trace(net, x))
        scripted = kagari.jit.optimize_for_inference(kagari.jit.script(net))
        for frozen in (traced, scripted):
            assert "batch_norm" not in frozen.code
            kagari.testing.assert_close(frozen(x), net(x).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.oracle
def test_what_can_not_be_frozen(load: Any) -> None:
    found = []
    for lib in ("kagari", "torch"):
        program = load(NET, lib)
        jit, messages = program.torch.jit, []
        script = jit.script(program.make())
        for call in (
            lambda jit=jit, p=program: jit.freeze(jit.script(p.M())),
            lambda jit=jit, p=program: jit.freeze(p.make()),
            lambda jit=jit, s=script: jit.freeze(s, ["zz"]),
            lambda jit=jit, p=program: jit.optimize_for_inference(p.make()),
        ):
            with pytest.raises(RuntimeError) as error:
                call()
            messages.append(str(error.value))
        found.append(messages)
    assert found[0] == found[1]


def test_settings() -> None:
    before = kagari.jit.set_fusion_strategy([("STATIC", 3)])
    assert before == [("STATIC", 2), ("DYNAMIC", 10)]
    assert kagari.jit.set_fusion_strategy(before) == [("STATIC", 3)]
    with pytest.raises(RuntimeError, match="STATIC"):
        kagari.jit.set_fusion_strategy([("OTHER", 1)])
    kagari.jit.enable_onednn_fusion(True)
    assert kagari.jit.onednn_fusion_enabled()
    kagari.jit.enable_onednn_fusion(False)
    with kagari.jit.optimized_execution(False), kagari.jit.strict_fusion():
        assert as_lists(kagari.jit.script(kagari.nn.ReLU())(kagari.ones(1))) == [1.0]
