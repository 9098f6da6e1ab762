"""How tensors and their memory travel to another process."""

from __future__ import annotations

from multiprocessing import reduction
from typing import Any

from ..base.layout import layout
from ..eager import Tensor
from ..eager.shared import received, share, tensor_over
from ..eager.storage import UntypedStorage, block_of, shown


def _block(descriptor: Any, nbytes: int) -> Any:
    return received(descriptor.detach(), nbytes)


def _sent(block: Any) -> tuple[Any, int]:
    """A block's descriptor, in the form that the receiver gets it from, and its size."""
    shared = share(block)
    return reduction.DupFd(shared.descriptor), block.nbytes


def rebuild_storage(descriptor: Any, nbytes: int) -> UntypedStorage:
    """The storage that was sent."""
    return shown(_block(descriptor, nbytes))


def reduce_storage(storage: UntypedStorage) -> tuple[Any, ...]:
    """A storage as its descriptor and size."""
    return rebuild_storage, _sent(block_of(storage))


def rebuild_tensor(memory: tuple[Any, int], shape: Any, strides: Any, dt: Any, offset: int, wants: bool) -> Tensor:
    """The tensor that was sent."""
    made: Tensor = tensor_over(_block(*memory), layout(shape, strides, dt), offset)
    return made.requires_grad_() if wants else made


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """A tensor as its memory and its place there. Raises RuntimeError for one with a history that wants a gradient."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    if tensor.is_meta:
        rebuild, lies = tensor.__reduce_ex__(2)
        return rebuild, lies
    lay = tensor._layout
    place = tuple(lay.shape), tuple(lay.strides), lay.dtype, tensor._offset, tensor.requires_grad
    return rebuild_tensor, (_sent(tensor._storage), *place)


def init_reductions() -> None:
    """Has `multiprocessing` send tensors in this way. Where descriptors can't be sent, as on Windows, it copies."""
    if hasattr(reduction, "DupFd"):
        reduction.ForkingPickler.register(Tensor, reduce_tensor)
        reduction.ForkingPickler.register(UntypedStorage, reduce_storage)


__all__ = ["init_reductions", "rebuild_storage", "rebuild_tensor", "reduce_storage", "reduce_tensor"]
