"""Which tensors of a state share memory: formats that write each tensor by itself keep one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from ..eager import Tensor

ABOUT = "https://huggingface.co/docs/safetensors/torch_shared_tensors"


def shared(tensors: Mapping[str, Tensor]) -> list[set[str]]:
    """The names in groups: those of one group overlap in memory, those of different groups don't."""
    by_storage: dict[tuple[int, int], list[str]] = defaultdict(list)
    groups: list[set[str]] = []
    for name, t in tensors.items():
        storage = t.untyped_storage()
        if storage.nbytes():
            by_storage[storage.data_ptr(), storage.nbytes()].append(name)
    for names in by_storage.values():
        end = -1
        for start, stop, name in sorted((*_area(tensors[name]), name) for name in names):
            if start >= end:
                groups.append(set())
            groups[-1].add(name)
            end = max(end, stop)
    return groups


def duplicates(tensors: Mapping[str, Tensor], preferred: Collection[str] = ()) -> dict[str, list[str]]:
    """For each tensor that is to be kept the names of those that lie in its memory.

    It is the first name of those that cover their whole storage, and, where there are such, of the preferred ones.
    Raises RuntimeError where no tensor of a group covers the storage.
    """
    found: dict[str, list[str]] = {}
    for names in shared(tensors):
        whole = sorted(name for name in names if _is_whole(tensors[name]))
        if not whole:
            raise RuntimeError(
                "Error while trying to find names to remove to save state dict, but found no suitable name to keep for "
                f"saving amongst: {names}. None is covering the entire storage.Refusing to save/load the model since "
                f"you could be storing much more memory than needed. Please refer to {ABOUT} for more information. Or "
                "open an issue."
            )
        kept = next((name for name in whole if name in preferred), whole[0])
        others = sorted(names - {kept})
        if others:
            found[kept] = others
    return found


def _area(t: Tensor) -> tuple[int, int]:
    """The addresses from the tensor's first byte to behind its last one."""
    start = t.data_ptr()
    if not t.numel():
        return start, start
    last = sum((n - 1) * stride for n, stride in zip(t.shape, t.stride()))
    return start, start + (last + 1) * t.element_size()


def _is_whole(t: Tensor) -> bool:
    storage = t.untyped_storage()
    return t.data_ptr() == storage.data_ptr() and t.numel() * t.element_size() == storage.nbytes()


__all__ = ["ABOUT", "duplicates", "shared"]
