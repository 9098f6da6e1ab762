"""Calls every operator with arguments it does not expect. Run as a process of its own: `python tests/fuzz.py 0 10000`.

Half of the calls are samples of the operators' records with some argument replaced, half are made up.

Each call should either return or raise an exception of a kind that PyTorch raises for bad arguments; any other is
printed, and makes the process fail. A call that ends the process is in the file that a third argument names.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

import kagari as torch
import kagari.nn.functional as F
from kagari.ops.records import OPERATORS
from kagari.testing.cases import Case, build, cases, target

EXPECTED = (TypeError, RuntimeError, ValueError, IndexError, NotImplementedError, OverflowError, AttributeError,
            AssertionError, MemoryError)  # fmt: skip
"""What bad arguments may raise."""
MEMORY = 6 << 30
SHAPES = [
    (),
    (0,),
    (1,),
    (3,),
    (2, 3),
    (3, 2),
    (1, 3),
    (3, 1),
    (0, 3),
    (2, 0),
    (2, 3, 4),
    (1, 2, 3, 4),
    (2, 1, 2, 1, 2),
]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool]  # fmt: skip
LEFT_OUT = ("set_", "seed", "manual_seed", "use_deterministic", "save", "load", "install_as_torch")
"""How names begin that change the process, or write or read files rather than compute."""


def tensor(pick: random.Random) -> Any:
    """A tensor of any shape, dtype and layout."""
    shape, dtype = pick.choice(SHAPES), pick.choice(DTYPES)
    if pick.random() < 0.5:
        dtype = torch.float32
    n = 1
    for s in shape:
        n *= s
    values = [pick.choice([-3, -1, 0, 1, 2, 5, 100]) for _ in range(n)]
    made = torch.tensor(values, dtype=torch.float64).reshape(shape).to(dtype)
    kind = pick.random()
    if kind < 0.15 and made.ndim >= 2:
        made = made.transpose(0, pick.randrange(made.ndim))
    elif kind < 0.25 and made.ndim:
        made = made[::2]
    elif kind < 0.35:
        made = made.expand(2, *shape)
    elif kind < 0.5 and dtype.is_floating_point:
        made.requires_grad_()
    elif kind < 0.55 and dtype.is_floating_point:
        made = made * pick.choice([float("nan"), float("inf"), -float("inf")])
    return made


def argument(pick: random.Random) -> Any:
    """An argument of any kind."""
    kind = pick.random()
    if kind < 0.55:
        return tensor(pick)
    if kind < 0.75:
        return pick.choice([-5, -1, 0, 1, 2, 3, 7, 1 << 31, -(1 << 62), 1 << 62, 1 << 63, 1 << 70])
    if kind < 0.8:
        return pick.choice([0.5, -2.0, float("nan"), float("inf"), 1e300])
    if kind < 0.9:
        return tuple(pick.choice([-1, 0, 1, 2, 3, 1 << 40]) for _ in range(pick.randrange(4)))
    if kind < 0.94:
        return [tensor(pick) for _ in range(pick.randrange(3))]
    return pick.choice([None, True, False, "mean", "sum", "none", "bogus", b"x", object(), 1j, DTYPES[0], {}, slice(2)])


def targets() -> list[tuple[str, Callable[..., Any]]]:
    """Every public function and method."""
    torch.zeros(1)  # methods are bound when the first tensor is made
    found = [(f"torch.{n}", getattr(torch, n)) for n in torch.__all__ if not n.startswith(LEFT_OUT)]
    found += [(f"F.{n}", getattr(F, n)) for n in dir(F) if not n.startswith("_")]
    names = [n for n in dir(torch.Tensor) if not n.startswith("__") or n in DUNDERS]
    found += [(f"Tensor.{n}", getattr(torch.Tensor, n)) for n in names if not n.startswith("_") or n in DUNDERS]
    return [(n, f) for n, f in found if callable(f) and not isinstance(f, type)]


DUNDERS = ("__add__", "__getitem__", "__setitem__", "__matmul__", "__pow__", "__rpow__", "__iadd__", "__lshift__",
           "__and__", "__invert__", "__neg__", "__len__", "__iter__", "__contains__", "__format__", "__repr__",
           "__bool__", "__float__", "__int__", "__index__", "__array__", "__deepcopy__", "__reduce_ex__")  # fmt: skip


def similar(pick: random.Random, a: Any) -> Any:
    """An argument like one that is right: a tensor of another dtype or size, another number, another word."""
    if isinstance(a, torch.Tensor) and a.dtype.is_floating_point and pick.random() < 0.3:
        return a.detach() * pick.choice([float("nan"), float("inf"), 1e30, -1.0])
    if isinstance(a, torch.Tensor):
        other = a.detach().to(pick.choice(DTYPES))
        change = pick.randrange(6)
        if change < 2 or not a.ndim:
            return other
        dim = pick.randrange(a.ndim)
        if change == 2:
            return other.narrow(dim, 0, pick.randrange(a.shape[dim] + 1))
        if change == 3:
            return other.unsqueeze(dim)
        return other.select(dim, 0) if change == 4 and a.shape[dim] else other.transpose(dim, -1)
    if isinstance(a, bool) or a is None:
        return pick.choice([None, True, False, 0, 1])
    if isinstance(a, int | float):
        return pick.choice([-2, -1, 0, 1, 2, 3, 0.5, 1e10, 1 << 33])
    if isinstance(a, tuple | list) and a:
        at = pick.randrange(len(a))
        return type(a)([*a[:at], *([similar(pick, a[at])] if pick.random() < 0.8 else []), *a[at + 1 :]])
    return argument(pick)


def distorted(pick: random.Random, case: Case) -> tuple[str, Callable[..., Any], list[Any], dict[str, Any]]:
    """A call that an operator's record knows, with some argument replaced, left out or added."""
    record = case.record
    variant = "_" if record.inplace and pick.random() < 0.3 else ""
    args, kwargs, _ = build(case, torch, pick.random() < 0.5)
    args = list(args)
    for _ in range(pick.choice([1, 1, 1, 2])):
        change, at = pick.random(), pick.randrange(len(args) + 1)
        if change < 0.6 and at < len(args):
            args[at] = similar(pick, args[at])
        elif change < 0.75 and at < len(args):
            args[at] = argument(pick)
        elif change < 0.85 and at < len(args):
            del args[at]
        elif change < 0.9:
            args.insert(at, argument(pick))
        elif kwargs and change < 0.95:
            kwargs[pick.choice(sorted(kwargs))] = argument(pick)
        else:
            kwargs[pick.choice(["out", "dtype", "dim", "input", "bogus"])] = argument(pick)
    return f"{record.name}{variant}", target(record, torch, variant), args, kwargs


def made_up(pick: random.Random, name: str, call: Callable[..., Any]) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """A call with any arguments."""
    count = pick.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 6])
    args = [argument(pick) for _ in range(count)]
    if name.startswith("Tensor."):
        args.insert(0, tensor(pick) if pick.random() < 0.97 else argument(pick))
    keywords = {}
    if pick.random() < 0.25:
        word = pick.choice(["dim", "keepdim", "out", "dtype", "reduction", "weight", "inplace", "alpha", "bogus"])
        keywords[word] = argument(pick)
    return name, call, args, keywords


def run(call: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """One call, and where it gave a tensor with a gradient, the way back."""
    result = call(*args, **kwargs)
    if isinstance(result, torch.Tensor):
        repr(result)
        if result.requires_grad and result.dtype.is_floating_point and result.numel():
            result.float().sum().backward()


def brief(a: Any) -> str:
    """An argument in few words."""
    return f"{a.dtype}{list(a.shape)}/{a.stride()}" if isinstance(a, torch.Tensor) else repr(a)


def main(seed: int, calls: int, note: str | None) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    everything, known = targets(), list(cases(OPERATORS))
    outcomes: dict[str, int] = {}
    with open(note or "/dev/null", "w+") as last:
        for k in range(calls):
            state = f"{seed}:{k}"
            pick = random.Random(state)
            if k % 2:
                name, call, args, kwargs = distorted(pick, pick.choice(known))
            else:
                name, call, args, kwargs = made_up(pick, *everything[(k + seed * calls) // 2 % len(everything)])
            last.seek(0)
            last.write(f"{name} ({state})".ljust(100))
            last.flush()
            try:
                run(call, args, kwargs)
                outcome = "returned"
            except EXPECTED as error:
                outcome = type(error).__name__
            except Exception as error:
                shown = ", ".join([*map(brief, args), *(f"{n}={brief(a)}" for n, a in kwargs.items())])
                print(f"{name}({shown}) of {state} raised {error!r}")
                outcome = "wrong"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(json.dumps(outcomes))
    sys.exit("wrong" in outcomes)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
