"""What processes do in tests of calls, with Kagari or with the oracle."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ranks import told as told_exactly

Body = Callable[[Any, Any, Any, Any], None]


def told(value: Any) -> Any:
    """A result without its library; numbers of tensors as such, to be compared up to rounding."""
    if hasattr(value, "requires_grad"):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, list | tuple):
        return [told(one) for one in value]
    return told_exactly(value)


def library() -> Any:
    """The framework of this process."""
    return import_module(os.environ["LIBRARY"])


def rpc() -> Any:
    return import_module(f"{os.environ['LIBRARY']}.distributed.rpc")


def process(rank: int, size: int, folder: str, name: str, body: Body) -> None:
    """Process 0 does what a body says, with the others at its service, and writes what came of it."""
    calls = rpc()
    place = f"file://{folder}/store"
    options = calls.TensorPipeRpcBackendOptions(num_worker_threads=8, init_method=place)
    calls.init_rpc(f"w{rank}", rank=rank, world_size=size, rpc_backend_options=options)
    found: dict[str, Any] = {}

    def case(name: str, call: Callable[[], Any]) -> None:
        try:
            found[name] = told(call())
        except Exception as error:
            found[name] = [type(error).__name__, said(error)]

    if rank == 0:
        body(library(), calls, import_module(f"{name}.distributed.autograd"), case)
        with open(os.path.join(folder, "found.json"), "w") as file:
            json.dump(found, file)
    calls.shutdown()


def said(error: Exception) -> str:
    """The text of an error, without its type, and without lines of the program."""
    text = re.sub(r"^\w+: '?(?=On )", "", str(error)).replace("\\n", "\n").replace("\\'", "'")
    return "\n".join(text.split("\n")[: 2 if text.startswith("On ") else 1])


def run(name: str, size: int, body: Body) -> dict[str, Any]:
    """What process 0 found."""
    os.environ["LIBRARY"] = name  # which the processes know when they import this module
    with tempfile.TemporaryDirectory() as folder:
        import_module(f"{name}.multiprocessing").spawn(process, (size, folder, name, body), nprocs=size)
        with open(os.path.join(folder, "found.json")) as file:
            found: dict[str, Any] = json.load(file)
            return found


# What is called


def echo(x: Any) -> Any:
    return x


def double(x: Any) -> Any:
    return 2 * x


def name_of_worker() -> str:
    return str(rpc().get_worker_info().name)


def fail(kind: str) -> None:
    raise {"value": ValueError, "key": KeyError, "index": IndexError}[kind]("bad thing")


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "late"


def ask_back(to: str) -> Any:
    return rpc().rpc_sync(to, name_of_worker)


def wants(x: Any) -> list[bool]:
    return [x.requires_grad, x.is_leaf]


def about(rref: Any) -> list[Any]:
    return [rref.is_owner(), rref.owner_name(), rref.to_here()]


def pass_on(rref: Any, to: str) -> Any:
    return rpc().rpc_sync(to, about, args=(rref,))


def hand_back(rref: Any) -> Any:
    return rref


class Counter:
    def __init__(self, start: int) -> None:
        self.value = start

    def add(self, more: int = 1) -> int:
        self.value += more
        return self.value

    def itself(self) -> Any:
        return self


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


def make_unpicklable() -> Any:
    return Unpicklable()


def asynchronous(function: Any) -> Any:
    return rpc().functions.async_execution(function) if "LIBRARY" in os.environ else function


class Later:
    """What is answered by a future."""

    @staticmethod
    @asynchronous
    def double(to: str, x: Any) -> Any:
        return rpc().rpc_async(to, double, args=(x,)).then(lambda done: done.wait() + 1)

    @staticmethod
    @asynchronous
    def fails(to: str) -> Any:
        return rpc().rpc_async(to, fail, args=("value",))

    @staticmethod
    @asynchronous
    def no_future() -> int:
        return 3

    @asynchronous
    def twice(self, to: str, x: Any) -> Any:
        return Later.double(to, 2 * x)


class Linear:
    """A layer that lies elsewhere."""

    def __init__(self, seed: int) -> None:
        torch = library()
        torch.manual_seed(seed)
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return self.layer(x).tanh()

    def of(self, rref: Any) -> Any:
        return self.forward(rref.to_here())

    def parameters(self) -> list[Any]:
        return [rpc().RRef(p) for p in self.layer.parameters()]

    def values(self) -> list[Any]:
        return [p.detach() for p in self.layer.parameters()]

    def gradients(self, context: int) -> list[Any]:
        found = import_module(f"{os.environ['LIBRARY']}.distributed.autograd").get_gradients(context)
        return [found[p] for p in self.layer.parameters()]
