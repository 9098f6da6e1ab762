"""Masked tensors whose data and mask are sparse, in coordinate form."""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.layout import Size
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.formats import sparse_coo
from ..eager.overlay import elements, leaf, overlaid
from ..eager.views import checked_dim
from .tensor import Answer, MaskedTensor, masked_of


class SparseMaskedTensor(MaskedTensor):
    """A masked tensor of which some places are kept alone: its elements are the values there.

    Made by :func:`masked_tensor` of two sparse tensors, and by :meth:`MaskedTensor.to_sparse_coo`.

    >>> import kagari as torch
    >>> mt = torch.masked.masked_tensor(torch.tensor([1.0, 2.0]), torch.tensor([False, True])).to_sparse_coo()
    >>> mt.get_data().values()
    tensor([2.])
    >>> mt * 2
    MaskedTensor(
      [      --,   4.0000]
    )
    """

    __slots__ = ()
    _answers: ClassVar[dict[str, Answer]] = {}
    _indices: Tensor
    _size: tuple[int, ...]

    def _with(self, data: Tensor, mask: Tensor) -> MaskedTensor:
        return self._like(data) if data.shape == mask.shape == self._mask.shape else masked_of(data, mask)

    def get_data(self) -> Tensor:
        """The elements as a sparse tensor."""
        return self._sparse(elements(self))

    def get_mask(self) -> Tensor:
        """True where an element is there, as a sparse tensor."""
        return self._sparse(self._mask)

    def _sparse(self, values: Tensor) -> Tensor:
        made: Tensor = ops.sparse_coo_tensor(self._indices, values, self._size, is_coalesced=True)
        return made

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> MaskedTensor:
        """With a plain tensor of data and one for the mask."""
        places = tuple(self._indices.unbind())
        data, mask = (ops.zeros(self._size, dtype=t.dtype).index_put(places, t) for t in (elements(self), self._mask))
        made = masked_of(data, mask)
        return made if dtype is None else made._like(elements(made).to(dtype))

    def to_sparse_coo(self) -> MaskedTensor:
        """The tensor itself."""
        return self

    def to_tensor(self, value: Any) -> Tensor:
        """A plain tensor, with a value for what is not there."""
        return self.to_dense().to_tensor(value)

    def is_sparse_coo(self) -> bool:
        """True."""
        return True

    @property
    def is_sparse(self) -> bool:
        """True."""
        return True

    @property
    def layout(self) -> Any:
        """`torch.sparse_coo`."""
        return sparse_coo

    @property
    def shape(self) -> Any:
        """The size of each dimension."""
        return Size(self._size)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes."""
        return self.shape if dim is None else self._size[checked_dim(dim, len(self._size))]

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self._size)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._size)

    def numel(self) -> int:
        """The number of elements of the whole."""
        return self.shape.numel()

    def __len__(self) -> int:
        return self._size[0]

    def __getitem__(self, index: Any) -> MaskedTensor:
        return self.to_dense()[index]

    def __iter__(self) -> Any:
        return iter(self.to_dense())

    def __repr__(self) -> str:
        return repr(self.to_dense())

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return rebuild, (elements(self.detach()), self._mask, self._indices, self._size, self.requires_grad)


def sparse_of(data: Tensor, mask: Tensor, requires_grad: bool) -> MaskedTensor:
    """Two sparse tensors as a masked one. Raises ValueError where they do not have the same places."""
    if data._nnz() != mask._nnz():
        data = data.sparse_mask(mask)
    places = data._indices()
    if places.shape != mask._indices().shape or not bool((places == mask._indices()).all()):
        raise ValueError("data and mask are both sparse COO tensors but do not have the same indices.")
    values = data._values().detach().clone()
    return rebuild(values, mask._values().detach().clone(), places.clone(), tuple(data.shape), requires_grad)


def rebuild(
    values: Tensor, mask: Tensor, indices: Tensor, size: tuple[int, ...], requires_grad: bool
) -> SparseMaskedTensor:
    """A leaf."""
    made: SparseMaskedTensor = leaf(SparseMaskedTensor, values, requires_grad, _mask=mask, _indices=indices, _size=size)
    return made


def to_sparse_coo(self: MaskedTensor) -> MaskedTensor:
    """The elements that are there, with the places where they are."""
    there = self._mask.nonzero()
    values = elements(self)[self._mask]
    made: SparseMaskedTensor = overlaid(
        SparseMaskedTensor, values, _mask=self._mask[self._mask], _indices=there.t(), _size=tuple(self.shape)
    )
    return made
