"""The profiler: what it records of operators, backward passes, kernels and regions, and what it writes."""

from __future__ import annotations

import gzip
import json
import re
import threading
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import profiler
from kagari.autograd import profiler as legacy
from kagari.autograd.recorder import running
from kagari.engine.function import Hooks
from kagari.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def work(x: kagari.Tensor) -> kagari.Tensor:
    with record_function("forward"):
        y = kagari.nn.functional.gelu(x @ x)
    return y.sum()


def names(events: Any) -> list[str]:
    return [event.name for event in events]


def test_operators_kernels_and_the_backward_pass() -> None:
    x = kagari.ones(8, 8, requires_grad=True)
    with profile() as prof:
        work(x).backward()
    events = prof.events()
    assert [n for n in names(events) if not n.startswith("kernel")] == [
        "forward", "aten::matmul", "aten::gelu", "aten::sum", "SumBackward0", "GeluBackward0", "MmBackward0",
        "aten::add_",
    ]  # fmt: skip
    forward = events[0]
    assert names(forward.cpu_children) == ["aten::matmul", "aten::gelu"] and forward.cpu_parent is None
    (kernel,) = forward.cpu_children[1].cpu_children
    assert kernel.name == "kernel[mul, erf, add]" and kernel.cpu_parent is forward.cpu_children[1]
    for event in events:
        inside = sum(child.cpu_time_total for child in event.cpu_children)
        assert event.self_cpu_time_total == pytest.approx(event.cpu_time_total - inside)
        assert 0 <= event.time_range.start <= event.time_range.end
        assert all(event.time_range.start <= c.time_range.start for c in event.cpu_children)
    assert events.self_cpu_time_total == pytest.approx(
        sum(event.cpu_time_total for event in events if event.cpu_parent is None)
    )


def test_operators_have_the_names_of_their_functions() -> None:
    norm, x = kagari.nn.BatchNorm1d(4), kagari.ones(2, 4)
    with profile() as prof:
        kagari.stack([norm(x), x])
    assert {"aten::batch_norm", "aten::stack"} <= {event.key for event in prof.key_averages()}


def test_sources_of_kernels() -> None:
    x = kagari.ones(8, 8)
    with profile() as prof:
        (x @ x).exp()
    product, exponential = (next(e for e in prof.events() if e.name == f"aten::{n}") for n in ("matmul", "exp"))
    assert "define" in product.kernel_source() and "@contract" in product.kernel_source()
    assert product.cpu_children[0].kernel_source() in product.kernel_source()
    average = next(a for a in prof.key_averages() if a.key == "aten::exp")
    assert average.kernel_source() == exponential.kernel_source() != product.kernel_source()


def test_nothing_is_left_behind() -> None:
    x = kagari.ones(4)
    with pytest.raises(ValueError), profile() as prof:
        (x + 1).exp()
        raise ValueError
    count = len(prof.events())
    (x + 1).exp()
    assert len(prof.events()) == count and not running and Hooks.profile is None and Hooks.mode() == 1


def test_results_are_the_same() -> None:
    """Also of calls by name, with `out`, in place, without gradients, of ones that fail, and of ones that are new."""
    x = kagari.randn(5, 7)
    w = kagari.randn(7, 3, requires_grad=True)

    def run() -> list[Any]:
        y = kagari.matmul(x, other=w)
        out = kagari.empty(5, 3)
        with kagari.no_grad():
            kagari.add(y, y, out=out)
            out.mul_(2)[1:3].zero_()
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            kagari.mm(x, x)
        with kagari.autocast("cpu"):
            low = kagari.mm(x, w)
        (grad,) = kagari.autograd.grad((y * y).sum(), w, create_graph=True)
        return [y.tolist(), out.tolist(), low.dtype, grad.tolist(), 2.0 - x.sum().item()]

    with profile():
        inside = run()
    assert inside == run()


def test_shapes_memory_operations_and_stacks() -> None:
    x, w = kagari.ones(4, 8), kagari.ones(8, 16)
    how = {"record_shapes": True, "profile_memory": True, "with_flops": True, "with_stack": True}
    with profile(**how) as prof, record_function("all"):
        y = x @ w
        kagari.conv1d(y[None], kagari.ones(2, 4, 3))
        del y
    product = next(e for e in prof.events() if e.name == "aten::matmul")
    assert product.input_shapes == [[4, 8], [8, 16]] and product.flops == 2 * 4 * 8 * 16
    assert product.cpu_memory_usage == product.self_cpu_memory_usage == 4 * 16 * 4
    convolution = next(e for e in prof.events() if e.name == "aten::conv1d")
    assert convolution.flops == 2 * 2 * 14 * 4 * 3
    whole = prof.events()[0]
    assert whole.cpu_memory_usage == whole.self_cpu_memory_usage + sum(c.cpu_memory_usage for c in whole.cpu_children)
    assert "test_profiler.py" in product.stack[0] and "test_shapes_memory" in product.stack[0]


def test_averages() -> None:
    a, b = kagari.ones(2, 2), kagari.ones(3, 3)
    with profile(record_shapes=True) as prof:
        for x in (a, b, b):
            x.exp()
    (by_name,) = [avg for avg in prof.key_averages() if avg.key == "aten::exp"]
    events = [e for e in prof.events() if e.name == "aten::exp"]
    assert by_name.count == 3 and by_name.input_shapes == []
    assert by_name.cpu_time_total == pytest.approx(sum(e.cpu_time_total for e in events))
    assert by_name.cpu_time == pytest.approx(by_name.cpu_time_total / 3)
    by_shape = [avg for avg in prof.key_averages(group_by_input_shape=True) if avg.key == "aten::exp"]
    assert [(avg.count, avg.input_shapes) for avg in by_shape] == [(1, [[2, 2]]), (2, [[3, 3]])]
    assert prof.events().total_average().count == len(prof.events())


def _columns(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def test_table_has_the_columns_of_pytorchs() -> None:
    x = kagari.ones(4, 4)
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        x @ x
    lines = prof.key_averages(group_by_input_shape=True).table(row_limit=1, header="HEAD").splitlines()
    assert _columns(lines[3]) == [
        "Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "CPU Mem", "Self CPU Mem",
        "# of Calls", "Input Shapes", "Total FLOPs",
    ]  # fmt: skip
    assert [line[:4] for line in lines[:3]] == ["====", "HEAD", "----"]
    assert _columns(lines[5])[-2:] == ["[[4, 4], [4, 4]]", "128.000"]
    assert len({len(line) for line in lines[2:6]}) == 1 and lines[-1].startswith("Self CPU time total: ")


def test_table() -> None:
    x = kagari.ones(4, 4)
    with profile() as prof:
        for _ in range(3):
            x.exp()
        x.log()
    averages = prof.key_averages()
    rows = averages.table(sort_by="count", row_limit=1).splitlines()
    assert len(rows) == 6 and _columns(rows[3])[0] == "aten::exp" and _columns(rows[3])[-1] == "3"
    assert len(averages.table(row_limit=-1).splitlines()) == 5 + len(averages)
    assert all("us" not in cell for cell in _columns(averages.table(time_unit="ms").splitlines()[3])[1:])
    assert "aten..." in averages.table(max_name_column_width=7)
    assert "kernel" not in prof.events().table(top_level_events_only=True)
    with pytest.raises(AttributeError):
        averages.table(sort_by="nonsense")


def test_steps_of_a_schedule(oracle: ModuleType) -> None:
    from torch.profiler import schedule as theirs

    for how in (
        {"wait": 1, "warmup": 1, "active": 2}, {"wait": 0, "warmup": 1, "active": 1, "repeat": 2},
        {"wait": 2, "warmup": 1, "active": 3, "repeat": 1, "skip_first": 3, "skip_first_wait": 1},
    ):  # fmt: skip
        ours, wanted = schedule(**how), theirs(**how)
        assert [ours(i).name for i in range(20)] == [wanted(i).name for i in range(20)]
    for make in (schedule, theirs):
        with pytest.raises(AssertionError, match=r"Got wait=0 \(need >= 0\), warmup=1 .* active=0 \(need > 0\)"):
            make(wait=0, warmup=1, active=0)
        with pytest.warns(UserWarning, match="Profiler won't be using warmup"):
            make(wait=0, warmup=0, active=1)


ONE = ["ProfilerStep*", "aten::exp"]


@pytest.mark.parametrize("how, expected", [  # the oracle's
    ({"wait": 1, "warmup": 1, "active": 1}, [(3, ONE), (6, ONE)]),
    ({"wait": 1, "warmup": 1, "active": 2, "repeat": 1}, [(4, 2 * ONE)]),
    ({"wait": 0, "warmup": 1, "active": 3, "skip_first": 1}, [(5, 3 * ONE), (7, [*ONE, "ProfilerStep*"])]),
])  # fmt: skip
def test_traces_are_handed_over(how: dict[str, int], expected: list[Any]) -> None:
    """For each trace that is handed over, the step and the names of the operators and steps in it."""
    handed: list[Any] = []

    def ready(prof: profile) -> None:
        handed.append((prof.step_num, [n for n in names(prof.events()) if not n.startswith("kernel")]))

    x = kagari.ones(2)
    with profile(schedule=schedule(**how), on_trace_ready=ready) as prof:
        for _ in range(7):
            x.exp()
            prof.step()
    assert handed == expected


def test_regions_decorate_and_nest() -> None:
    x = kagari.ones(2)

    @record_function("outer")
    def outer() -> None:
        with record_function("inner"):
            x.exp()

    outer()
    with profile() as prof:
        outer()
        outer()
    assert names(prof.events())[:3] == ["outer", "inner", "aten::exp"]
    assert [avg.count for avg in prof.key_averages() if avg.key == "outer"] == [2]
    assert prof.events()[0].is_user_annotation and not prof.events()[2].is_user_annotation


def test_steps_of_optimizers() -> None:
    w = kagari.ones(4, requires_grad=True)
    optimizer = kagari.optim.Adam([w])
    w.sum().backward()
    with profile() as prof:
        optimizer.step()
    first = prof.events()[0]
    assert first.name == "Optimizer.step#Adam.step" and first.cpu_parent is None
    assert any("sqrt" in child.name and child.kernel for child in first.cpu_children)


def test_compiled_functions() -> None:
    """A kernel that several operators became is named after all of them."""
    function = kagari.compile(lambda x: (x.exp() + 1).tanh(), fullgraph=True)
    x = kagari.ones(256, 256)
    seen = set()
    for _ in range(12):
        with profile() as prof:
            function(x).sum().item()
        seen |= {event.name for event in prof.events() if event.kernel}
    assert "kernel[exp, add, tanh]" in seen


def test_another_thread_is_left_alone() -> None:
    x = kagari.ones(4)
    with profile() as prof:
        thread = threading.Thread(target=lambda: x.exp())
        thread.start()
        thread.join()
        x.log()
    assert [n for n in names(prof.events()) if n.startswith("aten")] == ["aten::log"]


def test_many_kernels() -> None:
    x = kagari.ones(2)
    with profile() as prof:
        for _ in range(20000):
            x.exp()
    assert sum(bool(event.kernel) for event in prof.events()) == 20000


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_chrome_trace(name: str, tmp_path: Path) -> None:
    x = kagari.ones(3, 4)
    with profile(record_shapes=True) as prof, record_function("all"):
        x.exp()
    prof.add_metadata("model", "small")
    prof.add_metadata_json("sizes", "[1, 2]")
    path = tmp_path / name
    prof.export_chrome_trace(str(path))
    written = path.read_bytes()
    content = json.loads(gzip.decompress(written) if name.endswith("gz") else written)
    assert content["model"] == "small" and content["sizes"] == [1, 2] and content["record_shapes"] == 1
    complete = [e for e in content["traceEvents"] if e["ph"] == "X"]
    assert [e["cat"] for e in complete] == ["user_annotation", "cpu_op", "kernel"]
    assert complete[1]["args"]["Input Dims"] == [[3, 4]]
    for outer, inner in pairwise(complete):
        assert outer["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"] + 1
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_handler_for_tensorboard(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    for handler in (
        profiler.tensorboard_trace_handler(str(folder), "me"),
        profiler.tensorboard_trace_handler(str(folder), "me", use_gzip=True),
    ):
        with profile(on_trace_ready=handler):
            kagari.ones(2).exp()
    found = sorted(p.name for p in folder.iterdir())
    assert len(found) == 2 and all(re.fullmatch(r"me\.\d+\.pt\.trace\.json(\.gz)?", n) for n in found)
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="Can't create directory"):
        profiler.tensorboard_trace_handler(str(tmp_path / "file" / "below"))(None)


def test_stacks(tmp_path: Path) -> None:
    with profile(with_stack=True) as prof:
        for _ in range(50):
            kagari.ones(64, 64) @ kagari.ones(64, 64)
    path = tmp_path / "stacks"
    prof.export_stacks(str(path), "self_cpu_time_total")
    assert re.search(r"^\S+test_stacks\S* \d+$", path.read_text(), re.MULTILINE)
    by_stack = prof.key_averages(group_by_stack_n=1)
    assert "Source Location" in by_stack.table() and all(len(average.stack) <= 1 for average in by_stack)
    with pytest.raises(ValueError, match="metric should be one of"):
        prof.export_stacks(str(path), "nonsense")


def test_the_older_interface() -> None:
    x = kagari.ones(4, requires_grad=True)
    with legacy.profile(record_shapes=True) as prof:
        with legacy.record_function("part"):
            x.exp().sum().backward()
        with pytest.raises(RuntimeError, match="Profiler didn't finish running"):
            prof.key_averages()
        assert str(prof) == "<unfinished torch.autograd.profile>"
    assert prof.function_events[0].name == "part" and "aten::exp" in str(prof)
    assert prof.self_cpu_time_total > 0 and prof.total_average().count == len(prof.function_events)
    with legacy.profile(enabled=False) as off:
        x.exp()
    with pytest.raises(RuntimeError):
        _ = off.function_events


def test_refused() -> None:
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=[])
    for what in ("events", "key_averages"):
        with pytest.raises(AssertionError, match="Profiler must be initialized before"):
            getattr(profile(), what)()
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        prof = profile(activities=[ProfilerActivity.CUDA])
    with pytest.raises(AssertionError, match="No activities specified for the profiler"):
        prof.start()
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"), legacy.emit_nvtx():
        pass
    with profile(), pytest.raises(RuntimeError, match="Profiler is already enabled on this thread"), profile():
        pass
    assert profiler.supported_activities() == {ProfilerActivity.CPU}
    assert [a.name for a in ProfilerAction] == ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"]


def test_lines_of_the_forward_pass_for_every_call() -> None:
    """Anomaly mode leads calls that have a plan through Python, too."""
    x = kagari.ones(3, requires_grad=True)
    x.exp()
    with kagari.autograd.set_detect_anomaly(True):
        assert "test_profiler.py" in x.exp().grad_fn.notes()["forward"]
