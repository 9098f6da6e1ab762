"""torch.library.opcheck, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari

Make = Callable[[Any], Any]


def made(
    lib: Any, name: str, fn: Callable[..., Any], schema: str, mutates: Any = (), fake: Any = None, back: Any = None
) -> Any:
    op = lib.library.custom_op(f"checked::{name}", fn, mutates_args=mutates, schema=schema)
    if fake is not None:
        op.register_fake(fake)
    if back is not None:
        op.register_autograd(back)
    return op


def change(x: Any) -> None:
    x.add_(1)


def twice_and_change(x: Any) -> Any:
    x.add_(1)
    return x * 2


ONE = "(Tensor x) -> Tensor"
OPERATORS: dict[str, Make] = {
    "good": lambda lib: made(lib, "good", lambda x: x * 2, ONE, (), lib.empty_like, lambda ctx, g: g * 2),
    "no_fake": lambda lib: made(lib, "no_fake", lambda x: x * 2, ONE, (), None, lambda ctx, g: g * 2),
    "no_gradient": lambda lib: made(lib, "no_gradient", lambda x: x * 2, ONE, (), lib.empty_like),
    "hidden_change": lambda lib: made(lib, "hidden_change", twice_and_change, ONE, (), lib.empty_like),
    "change": lambda lib: made(lib, "change", change, "(Tensor(a!) x) -> ()", ("x",), lambda x: None),
    "view": lambda lib: made(lib, "view", lambda x: x.view(-1), ONE, (), lib.empty_like),
    "other_shape": lambda lib: made(lib, "other_shape", lambda x: x * 2, ONE, (), lambda x: x.new_empty(3)),
    "other_dtype": lambda lib: made(
        lib, "other_dtype", lambda x: x * 2, ONE, (), lambda x: lib.empty_like(x, dtype=lib.float64)
    ),
    "two_gradients": lambda lib: made(
        lib, "two_gradients", lambda x: x * 2, ONE, (), lib.empty_like, lambda ctx, g: (g, g)
    ),
}
TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name, wants",
    [*((name, False) for name in OPERATORS), ("good", True), ("no_gradient", True), ("two_gradients", True)],
)
def test_findings_are_the_oracles(
    name: str, wants: bool, oracle: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    found = []
    for lib in (kagari, oracle):
        op = OPERATORS[name](lib)
        x = lib.tensor([1.0, 2.0], requires_grad=wants)
        results = lib.library.opcheck(op, (x,), raise_exception=False)
        found.append([results[test] == "SUCCESS" for test in TESTS])
        if all(found[-1]):
            assert set(lib.library.opcheck(op, (x,)).values()) == {"SUCCESS"}
        else:
            with pytest.raises(Exception, match=r"opcheck\(op, ...\): test_\w+ failed with "):
                lib.library.opcheck(op, (x,))
    ours, theirs = found
    if name == "view":  # is refused whenever it runs
        theirs[1:3] = ours[1:3]
    if name == "no_fake":  # compiled calls don't ask for one
        theirs[3] = ours[3]
    assert ours == theirs


MESSAGES = {
    "no_fake": "There was no fake impl registered for <CustomOpDef(checked::no_fake)>. This is necessary for "
    "torch.compile/export/fx tracing to work. Please use `no_fake.register_fake` to add an fake impl.",
    "hidden_change": "Argument x is not defined as mutable but was mutated",
    "other_shape": "When comparing the output of checked.other_shape.default on FakeTensor and concrete Tensors, found "
    "mismatched tensor metadata: Shapes torch.Size([2]) and torch.Size([3]) are not equal!",
    "other_dtype": "When comparing the output of checked.other_dtype.default on FakeTensor and concrete Tensors, found "
    "mismatched tensor metadata: Dtypes torch.float32 and torch.float64 are not equal!",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str) -> None:
    results = kagari.library.opcheck(OPERATORS[name](kagari), (kagari.ones(2),), raise_exception=False)
    assert MESSAGES[name] in [str(error) for error in results.values()]


def test_what_is_no_operator() -> None:
    with pytest.raises(ValueError, match=r"op must be instance of torch._ops.OpOverload.*got <class 'int'>"):
        kagari.library.opcheck(3, (1,))
    with pytest.raises(ValueError, match="expected test_utils to be subset of"):
        kagari.library.opcheck(OPERATORS["good"](kagari), (kagari.ones(2),), test_utils=["test_schema", "foo"])


def test_operators_that_are_there() -> None:
    from kagari.library import namespaces

    results = kagari.library.opcheck(namespaces.aten.sin.default, (kagari.ones(2, requires_grad=True),))
    assert set(results.values()) == {"SUCCESS"}


def test_fakes_tell_shapes_of_tensors_without_memory() -> None:
    calls = []

    def fake(x: Any) -> Any:
        calls.append(x.device.type)
        return x.new_empty(7)

    op = made(kagari, "shaped", lambda x: x * 2, ONE, (), fake)
    assert op(kagari.ones(2, device="meta")).shape == (7,)
    assert op(kagari.ones(2)).shape == (2,)
    assert calls == ["meta"]
