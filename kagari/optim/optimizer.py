"""`Optimizer`: groups of parameters with their options, the state kept for each parameter, and hooks around a step."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..autograd import RemovableHandle, enable_grad
from ..autograd.recorder import record_function, running
from ..eager import Tensor
from ..eager import operators as ops


class _Required:
    """The default of an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_HOOK_TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


def _typename(value: object) -> str:
    return value.type() if isinstance(value, Tensor) else type(value).__qualname__


def _run_with_hooks(step: Callable, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    args = (optimizer, *args)
    with record_function(f"Optimizer.step#{type(optimizer).__name__}.step"):
        for hook in list(optimizer._optimizer_step_pre_hooks.values()):
            new = hook(optimizer, args, kwargs)
            if new is not None:
                if not (isinstance(new, tuple) and len(new) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {new}.")
                args, kwargs = new
        result = step(*args, **kwargs)
        for hook in list(optimizer._optimizer_step_post_hooks.values()):
            hook(optimizer, args, kwargs)
    return result


def _hooked(step: Callable) -> Callable:
    """A subclass's own ``step`` with the hooks of the instance around it."""

    @functools.wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or running:
            return _run_with_hooks(step, self, args, kwargs)
        return step(self, *args, **kwargs)

    return run


class Optimizer:
    r"""The base class of every optimizer.

    A subclass says in ``_update`` what a step does with the gradients; or it overrides :meth:`step` as a whole.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that each describe a group: ``"params"``
            and the options that differ from the defaults.
        defaults (dict): the options of a group that does not say otherwise.

    Example::

        >>> import kagari as torch
        >>> class SignDescent(torch.optim.Optimizer):
        ...     def __init__(self, params, lr=0.5):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     def _update(self):
        ...         for group in self.param_groups:
        ...             for param in group["params"]:
        ...                 param.data -= group["lr"] * param.grad.sign()
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> weight.grad = torch.tensor([3.0, -2.0])
        >>> SignDescent([weight]).step()
        >>> weight.tolist()
        [-0.5, 0.5]
    """

    state: defaultdict[Tensor, dict[str, Any]]
    param_groups: list[dict[str, Any]]
    _optimizer_step_pre_hooks: OrderedDict[int, Callable]
    _optimizer_step_post_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hook_tables()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {_typename(params)}"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_tables(self) -> None:
        for name in _HOOK_TABLES:
            setattr(self, name, OrderedDict())

    # Stepping

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes the parameters once, by their gradients.

        Args:
            closure (callable, optional): computes the loss and its gradients anew; its result is returned.
        """
        if self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or running:
            return _run_with_hooks(Optimizer._step, self, () if closure is None else (closure,), {})
        if closure is not None:
            return self._step(closure)
        self._update()
        return None

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._update()
        return loss

    def _update(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines neither `_update` nor `step`")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or fills them with zeros.

        Args:
            set_to_none (bool): drops them: no memory is written, and a step skips a parameter that got no gradient.
                Default: ``True``
        """
        if set_to_none:
            for group in self.param_groups:
                for param in group["params"]:
                    param.grad = None
            return
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    if param.grad.grad_fn is not None:
                        param.grad.detach_()
                    else:
                        param.grad.requires_grad_(False)
                    param.grad.zero_()

    # Groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: a dictionary of ``"params"`` and of the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params, names = _split_names(list(params))
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(param)}")
            if not (self.defaults.get("differentiable") or param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_distinct(param_group)
        self.param_groups.append(param_group)

    def _check_distinct(self, group: dict[str, Any]) -> None:
        ids = {id(param) for param in group["params"]}
        if len(ids) != len(group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=4,
            )
        for other in self.param_groups:
            if not ids.isdisjoint(id(param) for param in other["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
            if ("param_names" in other) != ("param_names" in group):
                kind = "with" if "param_names" in group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} names to the optimizer"
                )

    # Saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The options of all groups, and the state of all parameters by their position."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        positions: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                positions.setdefault(id(param), len(positions))
            packed = {name: value for name, value in group.items() if name != "params"}
            packed["params"] = [positions[id(param)] for param in group["params"]]
            groups.append(packed)
        state = {
            (positions[id(param)] if isinstance(param, Tensor) else param): self._saved_state(values)
            for param, values in self.state.items()
        }
        state_dict = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            new = hook(self, state_dict)
            state_dict = state_dict if new is None else new
        return state_dict

    def _saved_state(self, values: dict[str, Any]) -> dict[str, Any]:
        """How the state of one parameter is saved."""
        return values

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over options and state from what :meth:`state_dict` gave. Parameters are matched by their order."""
        state_dict = state_dict.copy()
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            new = hook(self, state_dict)
            state_dict = state_dict if new is None else new
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(group["params"]) != len(other["params"]) for group, other in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        positions = chain.from_iterable(group["params"] for group in saved)
        params = dict(zip(positions, chain.from_iterable(group["params"] for group in groups), strict=True))
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for position, values in state_dict["state"].items():
            param = params.get(position)
            if param is None:
                state[position] = values
            else:
                state[param] = {name: _cast_like(param, name, value) for name, value in values.items()}
        for group, other in zip(groups, saved, strict=True):
            other["params"] = group["params"]
            if "param_names" in group:
                other.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hook_tables()
        self.defaults.setdefault("differentiable", False)

    # Hooks

    def _register(self, table: str, hook: Callable, prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, table)
        handle = RemovableHandle(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before each step; it may return new arguments as a pair."""
        return self._register("_optimizer_step_pre_hooks", hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step."""
        return self._register("_optimizer_step_post_hooks", hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` before the state is saved."""
        return self._register("_optimizer_state_dict_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` after the state is saved; it may return another dictionary."""
        return self._register("_optimizer_state_dict_post_hooks", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` before the state is loaded; it may return another dictionary."""
        return self._register("_optimizer_load_state_dict_pre_hooks", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after the state is loaded."""
        return self._register("_optimizer_load_state_dict_post_hooks", hook, prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            if number:
                lines.append("")
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _split_names(params: list[Any]) -> tuple[list[Any], list[str]]:
    """Tensors and their names, of which there are none unless `params` are pairs."""
    names = [param[0] for param in params if isinstance(param, tuple)]
    if not names:
        return params, []
    if len(names) != len(params):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    return [param[1] for param in params], names


def _cast_like(param: Tensor, name: str, value: Any) -> Any:
    """State that was loaded, in the dtype and on the device of its parameter. A step count stays as it is."""
    if isinstance(value, Tensor):
        if name == "step":
            return value
        dtype = param.dtype if param.is_floating_point() else value.dtype
        return value.to(device=param.device, dtype=dtype)
    if isinstance(value, dict):
        return {key: _cast_like(param, key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast_like(param, name, item) for item in value)
    return value


def option(group: dict[str, Any], name: str) -> Any:
    """An option of a group as a number; as the tensor that it may be where the step is differentiated."""
    value = group[name]
    return value if type(value) is float or group["differentiable"] else float(value)


def filled_like(param: Tensor, value: float) -> Tensor:
    """A tensor like a parameter, full of a value; of a complex parameter both parts are."""
    return ops.full_like(param, complex(value, value) if param.is_complex() else value)


def refuse_complex(optimizer: Optimizer, param: Tensor) -> None:
    """Raises RuntimeError for a complex parameter."""
    if param.is_complex():
        raise RuntimeError(f"{type(optimizer).__name__} does not support complex parameters")


def refuse_sparse(optimizer: Optimizer, grad: Tensor) -> None:
    """Raises RuntimeError for a sparse gradient."""
    if grad.is_sparse:
        raise RuntimeError(f"{type(optimizer).__name__} does not support sparse gradients")


def check_one_element(lr: float | Tensor) -> None:
    """Refuses a learning rate that is a tensor of more than one element."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def check_rate(lr: float | Tensor) -> None:
    """Refuses a learning rate that is negative, or a tensor of more than one element."""
    check_one_element(lr)
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**options: float) -> None:
    """Refuses options below zero."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")


def check_betas(betas: tuple[float | Tensor, float | Tensor]) -> None:
    """Refuses decay rates outside [0, 1)."""
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_implementation(foreach: bool | None, fused: bool | None, differentiable: bool) -> None:
    """Refuses what PyTorch refuses. Here every step is one fused kernel, except for a differentiable one."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


__all__ = [
    "Optimizer",
    "check_betas",
    "check_implementation",
    "check_not_negative",
    "check_one_element",
    "check_rate",
    "filled_like",
    "option",
    "refuse_complex",
    "required",
]
