"""A scale for losses, so that the gradients of float16 don't vanish, which finds its size by itself."""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from math import inf
from typing import Any

from ..autograd.modes import no_grad
from ..base.dtypes import float16, float32, int32
from ..eager import Tensor
from ..eager import operators as ops


class OptState(Enum):
    """How far an optimizer is since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _refreshed() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    r"""Multiplies losses by a scale, and takes it out of the gradients before a step.

    Where a gradient is infinite or NaN, the step is left out, and `update` multiplies the scale by `backoff_factor`;
    after `growth_interval` steps in a row without that, by `growth_factor`.

    Args:
        device: where the gradients are. Default: `"cuda"`, where the scaler warns and does nothing, as there is none.
        init_scale: the first scale. Default: 65536.0
        growth_factor: greater than 1. Default: 2.0
        backoff_factor: less than 1. Default: 0.5
        growth_interval: how many steps go well before the scale grows. Default: 2000
        enabled: a scaler that is not does nothing, and `step` is that of the optimizer. Default: ``True``

    bfloat16 has the range of float32, and needs no scale. Source: Micikevicius et al., *Mixed Precision Training*,
    arXiv:1710.03740.

    >>> import kagari as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> optimizer, scaler = torch.optim.SGD([w], lr=0.5), torch.amp.GradScaler("cpu")
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda":
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if not self._enabled:
            return
        assert growth_factor > 1.0, "The growth factor must be > 1.0."
        assert backoff_factor < 1.0, "The backoff factor must be < 1.0."
        self._init_scale = init_scale
        self._scale: Tensor | None = None  # made at the first loss
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._growth_tracker: Tensor | None = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_refreshed)

    # Before the backward pass

    def scale(self, outputs: Any) -> Any:
        """A tensor times the scale, or each of the tensors of an iterable.

        Raises ValueError for anything else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = ops.full((), self._init_scale, dtype=float32)
                self._growth_tracker = ops.full((), self._init_growth_tracker, dtype=int32)
            return outputs * self._scale
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled

    # Before the step

    def unscale_(self, optimizer: Any) -> None:
        """Takes the scale out of the gradients of an optimizer's parameters: to clip them, say, before `step`.

        Raises RuntimeError the second time since the last `update`, and after `step`; ValueError for gradients of
        float16, which the parameters of a region of autocast don't have.
        """
        if not self._enabled:
            return
        scale, _ = self._check_scale_growth_tracker("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, 1.0 / scale.item(), False)
        state["stage"] = OptState.UNSCALED

    def _unscale_grads_(self, optimizer: Any, inv_scale: float, allow_fp16: bool) -> dict[Any, Tensor]:
        """Multiplies the gradients, and says for each device, as a number, whether one is infinite or NaN."""
        largest: dict[Any, list[Tensor]] = {}
        with no_grad():
            for p in (p for group in optimizer.param_groups for p in group["params"] if p.grad is not None):
                if p.grad.dtype is float16 and not allow_fp16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                of_device = largest.setdefault(p.grad.device, [])
                if p.grad.numel():
                    of_device.append(p.grad.norm(inf).to(float32))
                if inv_scale != 1.0:
                    p.grad.mul_(inv_scale)
            return {device: self._any_infinite(norms) for device, norms in largest.items()}

    @staticmethod
    def _any_infinite(numbers: list[Tensor]) -> Tensor:
        if not numbers:
            return ops.zeros(())
        return (~ops.isfinite(ops.stack(numbers))).any().to(float32)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """A step of the optimizer, unless a gradient is infinite or NaN; `unscale_` is called if it was not yet.

        Returns what the optimizer's `step` returns. Raises RuntimeError for a closure, and the second time since the
        last `update`.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale_growth_tracker("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._scaled_step(optimizer, state, args, kwargs)
        else:
            if state["stage"] is OptState.READY:
                self.unscale_(optimizer)
            assert state["found_inf_per_device"], "No inf checks were recorded for this optimizer."
            result = self._maybe_opt_step(optimizer, state, *args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _maybe_opt_step(self, optimizer: Any, optimizer_state: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if any(found.item() for found in optimizer_state["found_inf_per_device"].values()):
            return None
        return optimizer.step(*args, **kwargs)

    def _scaled_step(self, optimizer: Any, state: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A step of an optimizer that takes out the scale itself: it finds it in `grad_scale`, or in an argument."""
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed optimizer. In the near "
                "future GradScaler registers `grad_scale: Tensor` and `found_inf: Tensor` to the passed optimizer and "
                "let the optimizer use them directly.",
                FutureWarning,
                stacklevel=3,
            )
            return optimizer.step(*args, grad_scaler=self, **kwargs)
        ready = state["stage"] is OptState.READY
        if ready:
            self._check_inf_per_device(optimizer)
        optimizer.grad_scale = self._scale if ready else None
        optimizer.found_inf = sum(state["found_inf_per_device"].values())
        try:
            return optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf

    def _check_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        found = self._unscale_grads_(optimizer, 1.0, True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        found: dict[Any, Tensor] = self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]
        return found

    # After the step

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Makes the scale smaller where a step was left out, and larger after enough that were not; or `new_scale`.

        To be called once after the steps of all optimizers.
        """
        if not self._enabled:
            return
        scale, tracker = self._check_scale_growth_tracker("update")
        if new_scale is None:
            found = [f for s in self._per_optimizer_states.values() for f in s["found_inf_per_device"].values()]
            assert found, "No inf checks were recorded prior to update."
            self._adjust(scale, tracker, any(f.item() for f in found))
        elif isinstance(new_scale, float):
            scale.fill_(new_scale)
        else:
            reason = (
                "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                "requires_grad=False."
            )
            assert new_scale.device.type == self._device, reason
            assert new_scale.numel() == 1, reason
            assert new_scale.requires_grad is False, reason
            scale.copy_(new_scale)
        self._per_optimizer_states = defaultdict(_refreshed)

    def _adjust(self, scale: Tensor, tracker: Tensor, failed: bool) -> None:
        successes = 0 if failed else tracker.item() + 1
        if failed:
            scale.mul_(self._backoff_factor)
        elif successes == self._growth_interval:
            grown, successes = scale * self._growth_factor, 0
            if grown.isfinite():
                scale.copy_(grown)
        tracker.fill_(successes)

    def _check_scale_growth_tracker(self, funcname: str) -> tuple[Tensor, Tensor]:
        hint = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
        assert self._scale is not None, f"Attempted {funcname} but _scale is None.  {hint}"
        assert self._growth_tracker is not None, f"Attempted {funcname} but _growth_tracker is None.  {hint}"
        return self._scale, self._growth_tracker

    # Questions and settings

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale; 1.0 where the scaler is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """By what the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets by what the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets by what the scale shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps that go well the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets after how many steps that go well the scale grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """The scale, the factors, and how many steps went well; empty where the scaler is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned. Raises RuntimeError where that is empty."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            assert not self._per_optimizer_states, (
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
            state["_init_scale"], state["_scale"] = self.get_scale(), None
            state["_init_growth_tracker"], state["_growth_tracker"] = self._get_growth_tracker(), None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


__all__ = ["GradScaler", "OptState"]
