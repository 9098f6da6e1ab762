"""Calls told to types and modes by `__torch_function__`, and `torch.overrides`, next to the oracle."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from outcomes import assert_same_error

import kagari

CALLS = (
    "x + 1", "1 - x", "1 + x", "x == 1", "2**x", "-x", "abs(x)", "x @ x", "p + x", "x + y", "y + x", "torch.add(x, 1)",
    "x.data", "x.T", "x.shape", "x.grad", "x.requires_grad", "x.size()", "x.dim()", "x.is_cuda", "x.numel()",
    "x.detach()", "x.to(torch.float64)", "x.new_zeros(2)", "torch.zeros_like(x)", "torch.rand_like(x)",
    "torch.split(x, 1)", "x.split(1)", "torch.where(x > 0)", "torch.meshgrid(x[0], x[0], indexing='ij')",
    "torch.einsum('ij->ji', x)", "torch.norm(x)", "F.relu(x)", "F.softmax(x, -1)", "F.linear(x, p)", "repr(x)",
    "len(x)", "bool(x[0, 0])", "x.__setitem__(0, 1.0)", "x.device", "x.layout", "x.is_leaf", "x.grad_fn",
    "x.mean(0, keepdim=True)", "torch.cat([p, x])", "torch.stack([x, y])", "x.unflatten(0, (1, 2))",
    "x.as_subclass(type(y))", "x.tolist()", "x.numpy()", "hash(x)", "x.stride()", "x.requires_grad_()", "1 in x",
    "x.ndim", "x.is_floating_point()", "torch.is_tensor(x)", "torch.max(x, 0)", "x.max(0)", "torch.ones_like(x)",
    "x.clone()", "torch.empty_like(x)", "x.contiguous()", "x.data_ptr()", "torch.manual_seed(0)", "torch.tensor([1.0])",
    "torch.nn.init.normal_(p)", "torch.result_type(x, p)", "torch.as_tensor(x)", "torch.atleast_1d(x)",
    "x.storage_offset()", "x.element_size()", "x.untyped_storage()", "x.type()", "x.is_contiguous()", "x.view(-1)",
    "x.reshape(-1)", "F.dropout(x)", "f'{x}'", "x.double()", "x.cpu()", "x.t()", "x.expand_as(p)", "x.add_(1)",
    "torch.arange(3)", "torch.full((2,), 1.0)", "x.sum().backward()", "torch.chunk(x, 2)", "torch.vstack([x, p])",
    "torch.broadcast_tensors(x)", "torch.nn.functional.cross_entropy(x, p)", "torch.linalg.inv(x + torch.eye(2))",
)  # fmt: skip


def overrides(lib: ModuleType) -> ModuleType:
    return lib.overrides  # type: ignore[no-any-return]


def types_of(result: Any) -> Any:
    if type(result) in (tuple, list):
        return [types_of(part) for part in result]
    return type(result).__name__.lower()  # the device's is another


def classes(lib: Any, log: list[Any]) -> tuple[Any, Any, Any]:
    """A subclass of Tensor, one of that, and a mode: all tell what they are told."""

    def note(who: str, func: Any, types: Any) -> None:
        told = [kind.__name__ for kind in types if kind not in (lib.Tensor, lib.nn.Parameter)]
        log.append((who, func.__name__.rpartition("linalg_")[2], told))

    class Logging(lib.Tensor):  # type: ignore[misc]
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            note("class", func, types)
            return super().__torch_function__(func, types, args, kwargs or {})

    class Below(Logging):
        pass

    class Mode(lib.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            note("mode", func, types)
            return func(*args, **(kwargs or {}))

    return Logging, Below, Mode


@pytest.mark.parametrize("text", CALLS)
def test_subclasses_are_told(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        log: list[Any] = []
        kind, below, _ = classes(lib, log)
        x = lib.ones(2, 2, requires_grad="backward" in text).as_subclass(kind)
        names = {"torch": lib, "F": lib.nn.functional, "x": x, "y": lib.ones(2, 2).as_subclass(below)}
        log.clear()
        found.append((types_of(eval(text, {**names, "p": lib.ones(2, 2)})), log))
    assert found[0] == found[1]


@pytest.mark.parametrize("text", CALLS)
def test_modes_are_told(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        log: list[Any] = []
        _, below, mode = classes(lib, log)
        x = lib.ones(2, 2, requires_grad="backward" in text)
        names = {"torch": lib, "F": lib.nn.functional, "x": x, "y": lib.ones(2, 2).as_subclass(below)}
        log.clear()
        with mode():
            result = eval(text, {**names, "p": lib.ones(2, 2)})
        found.append((types_of(result), log))
    assert found[0] == found[1]


# Internal here, and arguments that are none of a tensor.
NOT_TOLD = frozenset(["_base", "_grad", "_grad_fn", "_is_view", "is_distributed"])


def test_everything_that_the_oracle_tells(oracle: ModuleType) -> None:
    class Silent(kagari.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "s" if func is kagari.Tensor.__repr__ else -7

    x: Any = kagari.ones(2, 2).as_subclass(Silent)
    given = [(x,) * n for n in range(1, 7)] + [(), (x, 1), (x, 1, 1), ([x, x],), ("i", x), (x, "a"), (1, x)]
    count, silent = 0, []
    for f in overrides(oracle).get_testing_overrides():
        name = (overrides(oracle).resolve_name(f) or "").replace("torch.functional.", "torch.")
        parts = name.split(".")[1:]
        target: Any = kagari
        for part in parts:
            target = getattr(target, part, None)
        if target is None or not parts or not NOT_TOLD.isdisjoint(parts) or parts[-1] == "__repr__":
            continue
        count += 1
        method = parts[0] == "Tensor"
        target = getattr(x, parts[1]) if method else target
        answers = [target, *[answer(target, args[1:] if method else args) for args in given]]
        if not any(type(a) is int and a == -7 for a in answers):
            silent.append(name)
    assert silent == []
    assert count > 1150


def answer(function: Any, args: tuple[Any, ...]) -> Any:
    try:
        return function(*args)
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, AssertionError):
        return None


class Refusing:
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return NotImplemented


class Answering:
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return "answered", func.__name__


QUESTIONS = (
    "o.has_torch_function([s])", "o.has_torch_function((p,))", "o.has_torch_function([1, a])",
    "o.has_torch_function(p)", "o.has_torch_function_unary(s)", "o.has_torch_function_unary(p)",
    "o.has_torch_function_variadic(p, s)", "o.has_torch_function_variadic()",
    "o.handle_torch_function(torch.sum, (a,), a)", "o.handle_torch_function(torch.sum, (p,), p).item()",
    "type(o.handle_torch_function(torch.sum, (s,), s)).__name__", "o.is_tensor_like(s)", "o.is_tensor_like(a)",
    "o.is_tensor_like(1)", "o.is_tensor_like(torch.nn.Parameter(p))", "o.resolve_name(torch.add)",
    "o.is_tensor_method_or_property(torch.Tensor.detach)", "o.is_tensor_method_or_property(len)",
    "o.is_tensor_method_or_property(torch.Tensor.shape.__get__)", "o.is_tensor_method_or_property(torch.cat)",
    "o.resolve_name(torch.Tensor.shape.__get__)", "o.resolve_name(torch.Tensor.detach)", "o.resolve_name(len)",
    "o.resolve_name(torch.nn.functional.relu)", "o.resolve_name(torch.linalg.norm)", "o.resolve_name(torch.zeros)",
    "torch.zeros in o.get_ignored_functions()", "torch.relu in o.get_ignored_functions()",
    "torch.tensor in o.get_testing_overrides()", "o.get_testing_overrides()[torch.split](1, 2)",
    "torch.linalg.inv in o.get_overridable_functions()[torch.linalg]",
    "torch.Tensor.shape.__get__ in o.get_overridable_functions()[torch.Tensor.shape]",
    "torch.Tensor.grad.__get__ in o.get_default_nowrap_functions()",
    "torch.split(a, 1)", "torch.sum(a)", "torch.add(p, a)", "torch.stack([p, a])", "torch.zeros_like(a)",
)  # fmt: skip


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        s = lib.ones(2).as_subclass(type("Marked", (lib.Tensor,), {}))
        names = {"torch": lib, "o": overrides(lib), "s": s, "p": lib.ones(2), "a": Answering()}
        found.append(eval(text, names))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "text",
    [
        "o.enable_reentrant_dispatch().__enter__()",
        "F.relu(x)",
        "torch.sum(x)",
        "x + torch.ones(1)",
        "o.handle_torch_function(torch.sum, (x,), x)",
        "Q() + 1",
    ],
)
def test_nobody_answers(oracle: ModuleType, text: str) -> None:
    def run(lib: Any) -> None:
        names = {"torch": lib, "F": lib.nn.functional, "o": lib.overrides, "x": Refusing()}
        names["Q"] = lambda: lib.ones(1).as_subclass(
            type("Q", (lib.Tensor,), {"__torch_function__": Refusing.__torch_function__})
        )
        eval(text, names)

    assert_same_error(run, oracle, kagari)


def test_disabled(oracle: ModuleType) -> None:
    import kagari.eager.usage as native

    for lib, c in ((kagari, native), (oracle, oracle._C)):
        log: list[Any] = []
        kind, _, mode = classes(lib, log)
        x = lib.ones(2).as_subclass(kind)
        with c.DisableTorchFunctionSubclass():  # type: ignore[attr-defined]
            assert type(x + 1) is lib.Tensor and type(lib.zeros_like(x)) is lib.Tensor and x.shape == (2,)
            assert not c._is_torch_function_enabled()  # type: ignore[attr-defined]
        assert log == []
        with mode():
            with c.DisableTorchFunctionSubclass():  # type: ignore[attr-defined]
                _ = x + 1
            assert c._len_torch_function_stack() == 1  # type: ignore[attr-defined]
            with c.DisableTorchFunction():  # type: ignore[attr-defined]
                _ = x + 1
                _ = x.shape
        assert log == [("mode", "add", [])]
        attributes = {"__torch_function__": c._disabled_torch_function_impl}  # type: ignore[attr-defined]
        off = lib.ones(2).as_subclass(type("Off", (lib.Tensor,), attributes))
        assert type(off + 1) is lib.Tensor and type(off.detach()) is lib.Tensor
        assert not lib.overrides.has_torch_function_unary(off)


def test_modes_within_modes(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        log: list[Any] = []

        class Named(lib.overrides.TorchFunctionMode):  # type: ignore[name-defined, misc]
            def __init__(self, name: str, log: list[Any] = log) -> None:
                self.name, self.log = name, log

            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                self.log.append((self.name, func.__name__))
                return NotImplemented if self.name == "passing" else func(*args, **(kwargs or {}))

        with Named("outer"), Named("inner"):
            _ = lib.nn.functional.relu(lib.ones(1))
        with lib.overrides.BaseTorchFunctionMode(), Named("again"):
            _ = lib.ones(1).shape
        with pytest.raises(TypeError), Named("passing"):
            lib.split(lib.ones(1), 1)
        with pytest.raises(NotImplementedError), lib.overrides.TorchFunctionMode():
            lib.ones(1)
        with pytest.warns(UserWarning, match="push"):
            assert isinstance(lib.overrides.TorchFunctionMode.push(), lib.overrides.TorchFunctionMode)
        found.append(log)
    assert found[0] == found[1]


def test_redispatch(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o, log = lib.overrides, []

        def scaled(a: Any, b: Any, o: Any = o) -> Any:
            if o.has_torch_function((a, b)):
                return o.handle_torch_function(scaled, (a, b), a, b)
            return a * b + 1

        class Loud(lib.Tensor):  # type: ignore[name-defined, misc]
            @classmethod
            def __torch_function__(
                cls, func: Any, types: Any, args: Any = (), kwargs: Any = None, o: Any = o, log: Any = log
            ) -> Any:
                log.append(func.__name__)
                return o.redispatch_function(func, types, args, kwargs)

        class Mode(o.TorchFunctionMode):
            def __torch_function__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None, o: Any = o, log: Any = log
            ) -> Any:
                log.append(func.__name__)
                with self:
                    return o.redispatch_function(func, types, args, kwargs)

        x = lib.ones(2).as_subclass(Loud)
        log.append(type(scaled(x, x)).__name__)
        log.append(type(lib.nn.functional.linear(x, lib.ones(1, 2))).__name__)
        y = lib.ones(2)
        with Mode():
            scaled(y, y)
        found.append(log)
    assert found[0] == found[1]


def test_methods_that_call_the_inherited_ones(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):

        class Own(lib.Tensor):  # type: ignore[name-defined, misc]
            def detach(self) -> Any:
                return super().detach(), "own"

            @property
            def data(self) -> Any:
                return super().data

        x = lib.ones(2).as_subclass(Own)
        assert type(x.detach()[0]) is type(x.data) is type(x.double()) is Own


def test_other_threads_have_no_modes() -> None:
    log: list[Any] = []
    _, _, mode = classes(kagari, log)
    with mode():
        thread = threading.Thread(target=lambda: kagari.ones(1) + kagari.ones(1).numel())
        thread.start()
        thread.join()
    assert log == []


PLAIN = """
import inspect
import kagari
from kagari.nn import functional as F
def codes(): return F.relu.__code__, kagari.zeros_like.__code__, kagari.Tensor.dim.__code__
ours = codes()
def told(): return [f is not g for f, g in zip(ours, codes())]
kagari.nn.LazyLinear(2)(kagari.ones(1, 3)).sum().backward()
assert told() == [False, False, False]
with kagari.overrides.BaseTorchFunctionMode():
    assert told() == [True, True, True]
    assert list(inspect.signature(F.relu).parameters) == ["input", "inplace"]
assert told() == [True, True, False]
class Sub(kagari.Tensor): pass
assert type(F.relu(kagari.ones(1).as_subclass(Sub)).dim()) is int and told() == [True, True, False]
"""


def test_a_program_without_them_has_its_functions_as_they_are() -> None:
    subprocess.run([sys.executable, "-c", PLAIN], check=True)


NOTES = """
import functools
import torch
from torch.overrides import TorchFunctionMode, resolve_name

HANDLED = {}


class ScalarTensor(object):
    def __init__(self, N, value):
        self._N = N
        self._value = value

    def __repr__(self):
        return "ScalarTensor(N={}, value={})".format(self._N, self._value)

    def tensor(self):
        return self._value * torch.eye(self._N)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if kwargs is None:
            kwargs = {}
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, ScalarTensor)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **kwargs)


def implements(torch_function):
    def decorator(func):
        functools.update_wrapper(func, torch_function)
        HANDLED[torch_function] = func
        return func
    return decorator


@implements(torch.mean)
def mean(input):
    return float(input._value) / input._N


def ensure_tensor(data):
    return data.tensor() if isinstance(data, ScalarTensor) else torch.as_tensor(data)


@implements(torch.add)
def add(input, other):
    try:
        if input._N == other._N:
            return ScalarTensor(input._N, input._value + other._value)
        raise ValueError("Shape mismatch!")
    except AttributeError:
        return torch.add(ensure_tensor(input), ensure_tensor(other))


s = ScalarTensor(2, 2)
print(torch.mean(s), torch.add(s, s), torch.add(s, torch.tensor([[1.0, 1.0], [1.0, 1.0]])))
try:
    torch.mul(s, 3)
except TypeError as error:
    print(str(error).splitlines()[0])


class LoggingTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is not torch.Tensor.__repr__:
            print(f"func: {func.__name__}, args: {args!r}")
        if kwargs is None:
            kwargs = {}
        return super().__torch_function__(func, types, args, kwargs)


class SubLoggingTensor(LoggingTensor):
    pass


l = torch.tensor([[1.0, 2.0]]).as_subclass(SubLoggingTensor)
print(type(torch.add(l, torch.ones(2))), type(l.mean()), l.shape, type(torch.stack([l, l])))


class MetadataTensor(object):
    def __init__(self, data, metadata=None, **kwargs):
        self._t = torch.as_tensor(data, **kwargs)
        self._metadata = metadata

    def __repr__(self):
        return "Metadata:\\n{}\\n\\ndata:\\n{}".format(self._metadata, self._t)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if kwargs is None:
            kwargs = {}
        metadatas = tuple(a._metadata for a in args if hasattr(a, "_metadata"))
        args = [getattr(a, "_t", a) for a in args]
        assert len(metadatas) > 0
        return MetadataTensor(func(*args, **kwargs), metadata=metadatas[0])


t = MetadataTensor([[1.0, 2.0]], metadata={"owner": "Ministry of Silly Walks"})
print(torch.add(t, torch.tensor([[1.0, 1.0]])), torch.mul(t, t), torch.nn.functional.relu(t))


class FunctionLog(TorchFunctionMode):
    def __torch_function__(self, func, types, args, kwargs=None):
        print(f"Function Log: {resolve_name(func).replace('Tensor.', '')}(*{args})")
        return func(*args, **(kwargs or {}))


def f():
    a = torch.ones(3, requires_grad=True)
    b = a * 2
    b.sum().backward()
    return a.grad


with FunctionLog():
    print(f())
"""


def test_the_notes_on_extending(oracle: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "notes.py"
    script.write_text(NOTES, encoding="utf-8")
    found = [
        subprocess.run([sys.executable, *run, str(script)], check=True, capture_output=True, text=True).stdout
        for run in (["-m", "kagari"], [])
    ]
    assert found[0] == found[1]


def test_signatures_of_dummies() -> None:
    dummies = kagari.overrides.get_testing_overrides()
    assert len(dummies) > 800
    assert list(inspect.signature(dummies[kagari.Tensor.shape.__get__]).parameters) == ["self"]
    assert isinstance(dummies[kagari.nn.functional.relu], FunctionType)
    with pytest.raises(TypeError):
        dummies[kagari.nn.functional.relu](1, 2, 3, 4)
