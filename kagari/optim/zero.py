"""An optimizer whose state is shared out among processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.modes import no_grad
from ..distributed import ProcessGroup, broadcast, gather_object
from ..distributed.algorithms.join import Join, Joinable, JoinHook
from ..distributed.group import given
from ..eager import Tensor
from ..eager import operators as ops
from .optimizer import Optimizer


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    r"""Has each of several processes keep the state of some parameters, and update them for all.

    With :math:`n` processes each keeps about :math:`1/n` of what another optimizer would. Gradients have to be the same
    in all processes, as :class:`~torch.nn.parallel.DistributedDataParallel` makes them.

    Args:
        params (iterable): parameters, or groups of them, as for other optimizers
        optimizer_class (type): the optimizer that updates them
        process_group (ProcessGroup): the processes. Default: all
        parameters_as_bucket_view (bool): accepted, and means nothing.
        overlap_with_ddp (bool): not supported
        defaults: options of the optimizer

    Raises NotImplementedError where `overlap_with_ddp` is asked for; RuntimeError from `state_dict` before
    `consolidate_state_dict` has been called.

    Source: Rajbhandari et al., *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models*, 2020.

    Example::

        >>> import kagari as torch
        >>> from kagari import distributed as dist
        >>> from kagari.optim.zero import ZeroRedundancyOptimizer
        >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = ZeroRedundancyOptimizer([weight], torch.optim.SGD, lr=0.5)
        >>> weight.sum().backward()
        >>> optimizer.step()
        >>> weight.detach()
        tensor([0.5000, 0.5000])
        >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        params: Iterable[Any],
        optimizer_class: type[Optimizer],
        process_group: ProcessGroup | None = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise NotImplementedError("ZeroRedundancyOptimizer: overlap_with_ddp=True is not supported")
        self.process_group, self.optimizer_class = given(process_group), optimizer_class
        self._gathered: list[dict[int, Any]] | None = None
        super().__init__(params, defaults)
        self._share_out()

    def _share_out(self) -> None:
        """Gives each parameter an owner: the largest first, to who has the fewest elements."""
        loads = [0] * self.process_group.size()
        self._owned: list[list[list[Tensor]]] = [[] for _ in loads]  # of each process and group
        for some in self.param_groups:
            for mine in self._owned:
                mine.append([])
            for param in sorted(some["params"], key=lambda p: -p.numel()):
                owner = loads.index(min(loads))
                loads[owner] += param.numel()
                self._owned[owner][-1].append(param)
        mine = self._owned[self.process_group.rank()]
        local = [{**some, "params": own} for some, own in zip(self.param_groups, mine)]
        self.optim = self.optimizer_class(local, **self.defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; what has been shared out before is shared out anew, with its state."""
        super().add_param_group(param_group)
        if hasattr(self, "optim"):
            state = self.optim.state
            self._share_out()
            for some in self.optim.param_groups:
                self.optim.state.update({p: state[p] for p in some["params"] if p in state})

    def _tell_options(self) -> None:
        """Has the local optimizer know what schedulers have changed."""
        for some, local in zip(self.param_groups, self.optim.param_groups):
            local.update({name: value for name, value in some.items() if name not in ("params", "param_names")})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates this process's parameters, and gets those of the others from them."""
        Join.notify_join_context(self)
        self._tell_options()
        loss = self.optim.step(closure)
        for some, local in zip(self.param_groups, self.optim.param_groups):
            some.update({name: value for name, value in local.items() if name not in ("params", "param_names")})
        self._exchange()
        return loss

    def _exchange(self) -> None:
        for owner, groups in enumerate(self._owned):
            by_dtype: dict[Any, list[Tensor]] = {}
            for param in (p for some in groups for p in some):
                by_dtype.setdefault(param.dtype, []).append(param)
            with no_grad():
                for params in by_dtype.values():
                    flat = ops.cat([p.detach().reshape(-1) for p in params])
                    broadcast(flat, group=self.process_group, group_src=owner)
                    if owner != self.process_group.rank():
                        for p, part in zip(params, flat.split([p.numel() for p in params])):
                            p.copy_(part.view(p.shape))

    # Saving and loading

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collects the state of all processes in process `to`, for `state_dict`. All of them call it."""
        self._tell_options()
        here = self.process_group.rank() == to
        found: list[Any] | None = [None] * self.process_group.size() if here else None
        gather_object(self.optim.state_dict()["state"], found, group=self.process_group, group_dst=to)
        self._gathered = found

    def state_dict(self) -> dict[str, Any]:
        """The options of all groups and the state of all parameters, where `consolidate_state_dict` collected it."""
        if self._gathered is None:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call "
                f"`consolidate_state_dict(to={self.process_group.rank()})` on all ranks beforehand if you meant to "
                "save the global state."
            )
        self.state.clear()
        for owned, states in zip(self._owned, self._gathered):
            params = [p for some in owned for p in some]
            self.state.update({params[i]: values for i, values in states.items()})
        made = super().state_dict()
        self.state.clear()
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over options, and the state of this process's parameters."""
        super().load_state_dict(state_dict)
        for some in self.optim.param_groups:
            self.optim.state.update({p: self.state[p] for p in some["params"] if p in self.state})
        self.state.clear()
        self._gathered = None

    # Processes that are done before others

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that is done does for the others: it updates its parameters."""
        return _Shadow(self)

    @property
    def join_device(self) -> Any:
        """The device of the parameters."""
        return self.param_groups[0]["params"][0].device

    @property
    def join_process_group(self) -> ProcessGroup:
        """The processes."""
        return self.process_group


class _Shadow(JoinHook):
    def __init__(self, optimizer: ZeroRedundancyOptimizer) -> None:
        self.optimizer = optimizer

    def main_hook(self) -> None:
        self.optimizer.step()


__all__ = ["ZeroRedundancyOptimizer"]
