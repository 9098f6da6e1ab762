"""Settings of the whole program: determinism, precision, the default device; and questions about objects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..autograd import modes
from ..engine.function import Hooks
from .device import BLANKS, DEFAULT, Device, is_meta

if TYPE_CHECKING:
    from .tensor import Tensor


@dataclass
class _Settings:
    deterministic: int = 0  # 0 as it comes, 1 with warnings, 2 with errors
    precision: str = "highest"
    warn_always: bool = False
    interop_threads: int = 1


_settings = _Settings()
_MODES = ("default", "warn", "error")


# Determinism: every kernel gives the same result each time, so the setting changes none.


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for algorithms that give the same result each time. All of Kagari's do, whether asked to or not.

    >>> import kagari as torch
    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        raise TypeError(
            "_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not " + type(mode).__name__
        )
    _settings.deterministic = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether deterministic algorithms were asked for.

    >>> import kagari as torch
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return _settings.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether other algorithms would only be warned of.

    >>> import kagari as torch
    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _settings.deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Sets determinism as a number or name: 0 `"default"`, 1 `"warn"`, 2 `"error"`.

    >>> import kagari as torch
    >>> torch.set_deterministic_debug_mode("default")
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got " + debug_mode
            )
        debug_mode = _MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _settings.deterministic = debug_mode


def get_deterministic_debug_mode() -> int:
    """Determinism as a number: 0, 1 or 2, as for `set_deterministic_debug_mode`.

    >>> import kagari as torch
    >>> torch.get_deterministic_debug_mode()
    0
    """
    return _settings.deterministic


# Precision and warnings


def set_float32_matmul_precision(precision: str) -> None:
    """Allows float32 products less than full precision: `"highest"`, `"high"`, `"medium"`. On the CPU all are computed
    in float32.

    >>> import kagari as torch
    >>> torch.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has "
            "no effect.",
            stacklevel=2,
        )
        return
    _settings.precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` has set.

    >>> import kagari as torch
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _settings.precision


def set_flush_denormal(mode: bool) -> bool:
    """Asks that numbers too small for full precision count as 0. Returns whether that can be had: it can't.

    >>> import kagari as torch
    >>> torch.set_flush_denormal(True)
    False
    """
    return False


def set_warn_always(b: bool) -> None:
    """Has warnings that are given once per process given each time; Python's own filters decide on those here.

    >>> import kagari as torch
    >>> torch.set_warn_always(False)
    """
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _settings.warn_always = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` has set.

    >>> import kagari as torch
    >>> torch.is_warn_always_enabled()
    False
    """
    return _settings.warn_always


def get_num_interop_threads() -> int:
    """How many operators may run beside each other from one thread of the program.

    >>> import kagari as torch
    >>> torch.get_num_interop_threads()
    1
    """
    return _settings.interop_threads


def set_num_interop_threads(num: int) -> None:
    """Notes a number of operators that may run beside each other; Kagari runs one after the other.

    >>> import kagari as torch
    >>> torch.set_num_interop_threads(1)
    """
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _settings.interop_threads = num


# The default device


def set_default_device(device: Any) -> None:
    """Sets the device of new tensors; None stands for `"cpu"`. Raises RuntimeError for one that is not there.

    >>> import kagari as torch
    >>> torch.set_default_device("cpu")
    """
    found = Device("cpu" if device is None else device)
    is_meta(found)
    DEFAULT[0] = found
    BLANKS.clear()


def get_default_device() -> Device:
    """The device of new tensors: that of the innermost `with torch.device(...)`, else what was set.

    >>> import kagari as torch
    >>> torch.get_default_device()
    device(type='cpu')
    """
    return DEFAULT[-1]


# Anomaly mode


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turns anomaly mode on or off, as `torch.autograd.set_detect_anomaly` does.

    >>> import kagari as torch
    >>> torch.set_anomaly_enabled(False)
    """
    modes.set_detect_anomaly(mode, check_nan)


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, where it is on, raises for gradients that hold NaN.

    >>> import kagari as torch
    >>> torch.is_anomaly_check_nan_enabled()
    True
    """
    return modes.anomaly[-1] if modes.anomaly else True


# Questions


def typename(obj: Any) -> str:
    """The name of an object's type, or of a class or function itself; of a tensor what `Tensor.type` says.

    >>> import kagari as torch
    >>> torch.typename(torch.zeros(1)), torch.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Hooks.tensor_types):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins", "__builtin__") else f"{module}.{named.__qualname__}"


def _tensor(name: str, given: Any) -> Any:
    if not isinstance(given, Hooks.tensor_types):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(given).__name__}")
    return given


def get_device(input: Tensor) -> int:
    """The number of a tensor's device; -1 on the CPU.

    >>> import kagari as torch
    >>> torch.get_device(torch.zeros(1))
    -1
    """
    return _tensor("get_device", input).get_device()


def is_inference(input: Tensor) -> bool:
    """`Tensor.is_inference`.

    >>> import kagari as torch
    >>> torch.is_inference(torch.zeros(1))
    False
    """
    return _tensor("is_inference", input).is_inference()


def is_distributed(input: Tensor) -> bool:
    """Whether a tensor lies on several machines; none does.

    >>> import kagari as torch
    >>> torch.is_distributed(torch.zeros(1))
    False
    """
    _tensor("is_distributed", input)
    return False


def detach_(input: Tensor) -> Tensor:
    """`Tensor.detach_`: forgets the tensor's history.

    >>> import kagari as torch
    >>> torch.detach_(torch.ones(1))
    tensor([1.])
    """
    return _tensor("detach_", input).detach_()


FUNCTIONS = (
    are_deterministic_algorithms_enabled, detach_, get_default_device, get_deterministic_debug_mode, get_device,
    get_float32_matmul_precision, get_num_interop_threads, is_anomaly_check_nan_enabled, modes.is_anomaly_enabled,
    set_anomaly_enabled, is_deterministic_algorithms_warn_only_enabled,
    is_distributed, is_inference, is_warn_always_enabled, set_default_device, set_deterministic_debug_mode,
    set_float32_matmul_precision, set_flush_denormal, set_num_interop_threads, set_warn_always, typename,
    use_deterministic_algorithms,
)  # fmt: skip
