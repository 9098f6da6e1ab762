"""Embeddings of which each row has a scale and a zero point of its own."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....base import dtypes
from ....base.dtypes import dtype
from ....eager import Tensor
from ....eager import operators as ops
from ....quantized import functions
from ....quantized.creation import _empty_per_channel_affine_quantized
from ....quantized.packed import EmbeddingPackedParams as Packed
from ..qat import layers as nnqat
from .base import quantize_weight


class EmbeddingPackedParams(nn.Module):
    """The rows of an embedding, as a module."""

    _version = 1
    _packed_weight: Packed

    def __init__(self, num_embeddings: int, embedding_dim: int, dtype: dtype = dtypes.quint8) -> None:
        super().__init__()
        if dtype is not dtypes.quint8:
            raise NotImplementedError(f"Unsupported dtype on quantized embedding! Supports quint8, got {dtype}")
        self.dtype = dtype
        scales, zeros = ops.ones(num_embeddings), ops.zeros(num_embeddings)
        self.set_weight(_empty_per_channel_affine_quantized(
            [num_embeddings, embedding_dim], scales=scales, zero_points=zeros, axis=0, dtype=dtype
        ))  # fmt: skip

    def set_weight(self, weight: Tensor) -> None:
        """Sets the rows."""
        self._packed_weight = Packed(weight)

    def _weight(self) -> Any:
        return self._packed_weight.unpack()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}dtype"] = self.dtype
        destination[f"{prefix}_packed_weight"] = self._weight()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing: list[str], *rest: Any
    ) -> None:
        self.dtype = state_dict.pop(f"{prefix}dtype", self.dtype)
        if f"{prefix}_packed_weight" in state_dict:
            self.set_weight(state_dict.pop(f"{prefix}_packed_weight"))
        else:
            missing.append(f"{prefix}_packed_weight")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, missing, *rest)

    def __repr__(self) -> str:
        return repr(self._weight())


class Embedding(nn.Module):
    """Rows of a quantized table, as float32. The arguments are those of :class:`kagari.nn.Embedding`.

    >>> import kagari as torch
    >>> torch.ao.nn.quantized.Embedding(10, 12)(torch.tensor([9, 6])).shape
    torch.Size([2, 12])
    """

    _version = 1

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Tensor | None = None,
        dtype: dtype = dtypes.quint8,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.dtype = num_embeddings, embedding_dim, dtype
        self._packed_params = EmbeddingPackedParams(num_embeddings, embedding_dim, dtype)
        if _weight is not None:
            assert tuple(_weight.shape) == (num_embeddings, embedding_dim), (
                "Shape of weight does not match num_embeddings and embedding_dim"
            )
            self._packed_params.set_weight(_weight)

    def forward(self, indices: Tensor) -> Tensor:
        return self._packed_params._packed_weight.rows(indices)

    def _get_name(self) -> str:
        return "QuantizedEmbedding"

    def __repr__(self) -> str:  # without the weight
        return f"{self._get_name()}({self.extra_repr()})"

    def extra_repr(self) -> str:
        return (
            f"num_embeddings={self.num_embeddings}, embedding_dim={self.embedding_dim}, "
            f"dtype={self._packed_params.dtype}, qscheme={self.weight().qscheme()}"
        )

    def set_weight(self, w: Tensor) -> None:
        """Sets the table."""
        self._packed_params.set_weight(w)

    def weight(self) -> Any:
        """The table."""
        return self._packed_params._weight()

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Embedding:
        """The quantized layer of a float one, whose configuration says how. Raises AssertionError where it is none."""
        made = cls(mod.num_embeddings, mod.embedding_dim)
        made.set_weight(_quantized(cls, mod, (nn.Embedding, nnqat.Embedding)))
        return made


def _quantized(cls: Any, mod: Any, kinds: tuple[type, ...]) -> Any:
    """The table of a float layer, with a scale for each row."""
    if type(mod) not in kinds:
        raise AssertionError(
            f"nnq.{cls.__name__}.from_float only works for {kinds[0].__name__}, got {type(mod).__name__}"
        )
    observer = getattr(mod, "weight_fake_quant", None)
    if observer is None:
        assert hasattr(mod, "qconfig"), f"{kinds[0].__name__} input float module must have qconfig defined"
        observer = mod.qconfig.weight()
    if observer.dtype is not dtypes.quint8:
        raise NotImplementedError(f"an embedding is quantized to quint8, not to {observer.dtype}")
    observer(mod.weight)
    return quantize_weight(mod.weight, observer)


class EmbeddingBag(Embedding):
    """Sums of rows of a quantized table. The arguments are those of :class:`kagari.nn.EmbeddingBag`; `mode` is "sum".

    >>> import kagari as torch
    >>> bag = torch.ao.nn.quantized.EmbeddingBag(10, 12, include_last_offset=True)
    >>> bag(torch.tensor([9, 6, 5]), torch.tensor([0, 2, 3])).shape
    torch.Size([2, 12])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "sum", sparse: bool = False, _weight: Tensor | None = None,
        include_last_offset: bool = False, dtype: dtype = dtypes.quint8,
    ) -> None:  # fmt: skip
        super().__init__(num_embeddings, embedding_dim, _weight=_weight, dtype=dtype)
        self.mode, self.pruned_weights, self.include_last_offset = mode, False, include_last_offset

    def forward(
        self, indices: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None,
        compressed_indices_mapping: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return functions.find("embedding_bag_byte")(
            self._packed_params._packed_weight, indices, offsets, False, 0, self.pruned_weights, per_sample_weights,
            compressed_indices_mapping, self.include_last_offset,
        )  # fmt: skip

    def _get_name(self) -> str:
        return "QuantizedEmbeddingBag"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> EmbeddingBag:
        """The quantized layer of a float one, whose configuration says how. Raises AssertionError where it is none."""
        made = cls(
            mod.num_embeddings, mod.embedding_dim, mod.max_norm, mod.norm_type, mod.scale_grad_by_freq, mod.mode,
            mod.sparse, include_last_offset=mod.include_last_offset,
        )  # fmt: skip
        made.set_weight(_quantized(cls, mod, (nn.EmbeddingBag, nnqat.EmbeddingBag)))
        return made


__all__ = ["Embedding", "EmbeddingBag", "EmbeddingPackedParams"]
