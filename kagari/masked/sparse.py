"""Masked tensors whose data and mask are sparse: in coordinate form, or of compressed rows."""

from __future__ import annotations

from typing import Any, ClassVar

from ..base.dtypes import int64
from ..base.layout import Size
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.formats import layout, sparse_coo, sparse_csr
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
    _indices: Tensor  # a column for each place
    _size: tuple[int, ...]
    _form: layout

    def _with(self, data: Tensor, mask: Tensor) -> MaskedTensor:
        return self._like(data) if data.shape == mask.shape == self._mask.shape else masked_of(data, mask)

    def get_data(self) -> Tensor:
        """The elements as a sparse tensor."""
        return self._sparse(elements(self))

    def get_mask(self) -> Tensor:
        """True where an element is there, as a sparse tensor."""
        return self._sparse(self._mask)

    def _sparse(self, values: Tensor) -> Tensor:
        made: Tensor
        if self._form is sparse_coo:
            made = ops.sparse_coo_tensor(self._indices, values, self._size, is_coalesced=True)
        else:
            rows, columns = self._indices.unbind()
            begins = ops.pad(ops.bincount(rows, minlength=self._size[0]).cumsum(0), (1, 0))
            made = ops.sparse_csr_tensor(begins, columns, values, self._size)
        return made

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> MaskedTensor:
        """With a plain tensor of data and one for the mask."""
        places = tuple(self._indices.unbind())
        data, mask = (ops.zeros(self._size, dtype=t.dtype).index_put(places, t) for t in (elements(self), self._mask))
        made = masked_of(data, mask)
        return made if dtype is None else made._like(elements(made).to(dtype))

    def to_sparse_coo(self) -> MaskedTensor:
        """In coordinate form; itself where it is that."""
        return self if self.is_sparse_coo() else self._in(sparse_coo)

    def to_sparse_csr(self, dense_dim: int | None = None) -> MaskedTensor:
        """Of compressed rows; itself where it is that."""
        return self if self.is_sparse_csr() else self._in(sparse_csr)

    def _in(self, form: layout) -> MaskedTensor:
        made = self._like(elements(self))
        made._form = form
        return made

    def to_tensor(self, value: Any) -> Tensor:
        """A plain tensor, with a value for what is not there."""
        return self.to_dense().to_tensor(value)

    def is_sparse_coo(self) -> bool:
        """Whether data and mask are in coordinate form."""
        return self._form is sparse_coo

    def is_sparse_csr(self) -> bool:
        """Whether data and mask are of compressed rows."""
        return self._form is sparse_csr

    @property
    def is_sparse(self) -> bool:
        """True."""
        return True

    @property
    def layout(self) -> Any:
        """`torch.sparse_coo` or `torch.sparse_csr`."""
        return self._form

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
        values = elements(self.detach())
        return rebuild, (values, self._mask, self._indices, self._size, self._form, self.requires_grad)


def sparse_of(data: Tensor, mask: Tensor, requires_grad: bool) -> MaskedTensor:
    """Two sparse tensors as a masked one. Raises ValueError where they do not have the same places."""
    if data._nnz() != mask._nnz():
        data = data.sparse_mask(mask)
    places = _places(data)
    if places.shape != _places(mask).shape or not bool((places == _places(mask)).all()):
        raise ValueError(
            "data and mask are both sparse COO tensors but do not have the same indices."
            if data.layout is sparse_coo
            else "data and mask are both sparse CSR tensors but do not share either crow or col indices."
        )
    values, there = ((t._values() if t.layout is sparse_coo else t.values()).detach().clone() for t in (data, mask))
    return rebuild(values, there, places.clone(), tuple(data.shape), data.layout, requires_grad)


def _places(t: Tensor) -> Tensor:
    """A column for each place of a sparse tensor."""
    if t.layout is sparse_coo:
        return t._indices()
    begins, columns = t.crow_indices().to(int64), t.col_indices().to(int64)
    rows = ops.arange(t.shape[0]).repeat_interleave(begins[1:] - begins[:-1])
    return ops.stack([rows, columns])


def rebuild(
    values: Tensor, mask: Tensor, indices: Tensor, size: tuple[int, ...], form: layout, requires_grad: bool
) -> SparseMaskedTensor:
    """A leaf."""
    made: SparseMaskedTensor = leaf(
        SparseMaskedTensor, values, requires_grad, _mask=mask, _indices=indices, _size=size, _form=form
    )
    return made


def to_sparse(self: MaskedTensor, form: layout) -> MaskedTensor:
    """The elements that are there, with the places where they are."""
    there, mask = self._mask.nonzero(), self._mask[self._mask]
    made: SparseMaskedTensor = overlaid(
        SparseMaskedTensor, elements(self)[self._mask],
        _mask=mask, _indices=there.t(), _size=tuple(self.shape), _form=form,
    )  # fmt: skip
    return made
