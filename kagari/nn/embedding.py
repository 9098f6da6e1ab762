"""Layers that look rows of a table up by number."""

from __future__ import annotations

from ..autograd import no_grad
from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """A table of rows, one of which may be padding."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool
    weight: Parameter

    def _make(
        self, given: Tensor | None, requires_grad: bool, device: str | Device | None, dtype: dtype | None
    ) -> None:
        """The table: a new one, or one that is given."""
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            self.weight = Parameter(ops.empty(shape, device=device, dtype=dtype), requires_grad=requires_grad)
            self.reset_parameters()
        else:
            if tuple(given.shape) != shape:
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(given, requires_grad=requires_grad)

    def _row(self, padding_idx: int | None, words: str) -> int | None:
        """The number of the padding row, counted from the front."""
        if padding_idx is not None and not -self.num_embeddings <= padding_idx < self.num_embeddings:
            raise AssertionError(f"{words} must be within num_embeddings")
        return None if padding_idx is None else padding_idx % self.num_embeddings

    def reset_parameters(self) -> None:
        """Draws the table anew, and fills the padding row with zeros."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _options(self) -> dict[str, object]:
        """The arguments that are not what they are by default."""
        options = {
            "padding_idx": (self.padding_idx, None),
            "max_norm": (self.max_norm, None),
            "norm_type": (self.norm_type, 2),
            "scale_grad_by_freq": (self.scale_grad_by_freq, False),
            "sparse": (self.sparse, False),
        }
        return {name: value for name, (value, default) in options.items() if value != default}


class Embedding(_Table):
    r"""A table with a row of numbers for each word, or whatever else is counted from 0.

    Args:
        num_embeddings (int): :math:`V`, how many rows.
        embedding_dim (int): :math:`D`, how many numbers in each.
        padding_idx (int, optional): a row that starts as zeros and is not trained.
        max_norm (float, optional): rows that are looked up and longer than that are scaled down to it, in place.
        norm_type (float): the norm that ``max_norm`` means. Default: 2
        scale_grad_by_freq (bool): divides the gradient of a row by how often it was looked up. Default: ``False``
        sparse (bool): gives the table a sparse gradient, of the rows that were looked up. Default: ``False``
        device, dtype: where the table is made, and of which type.

    Shape:
        - Input: :math:`(*)`, integers from 0 to :math:`V - 1`.
        - Output: :math:`(*, D)`.

    Attributes:
        weight: the table, of shape :math:`(V, D)`, from :math:`\mathcal{N}(0, 1)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.Embedding(10, 3, padding_idx=0)
        >>> tuple(layer(torch.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape)
        (2, 4, 3)
        >>> layer(torch.tensor(0)).tolist()
        [0.0, 0.0, 0.0]
    """

    __constants__ = (
        "num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse",
    )  # fmt: skip

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._row(padding_idx, "Padding_idx")
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make(_weight, not _freeze, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self._options().items())
        return f"{self.num_embeddings}, {self.embedding_dim}{options}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        r"""A layer around a table that exists already.

        Args:
            embeddings (Tensor): :math:`(V, D)`, the table; it is not copied.
            freeze (bool): whether it stays as it is in training. Default: ``True``
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as for the class.

        Example::

            >>> import kagari as torch
            >>> from kagari import nn
            >>> layer = nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
            >>> layer(torch.tensor(1)).tolist()
            [3.0, 4.0]
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(_Table):
    r"""The sum, mean or maximum of the rows of a table that are in a bag; but for the maximum the rows are not made one
    by one.

    Args:
        num_embeddings (int): :math:`V`, how many rows.
        embedding_dim (int): :math:`D`, how many numbers in each.
        max_norm (float, optional): rows that are looked up and longer than that are scaled down to it, in place.
        norm_type (float): the norm that ``max_norm`` means. Default: 2
        scale_grad_by_freq (bool): divides the gradient of a row by how often it was looked up. Default: ``False``
        mode (str): ``"sum"``, ``"mean"`` or ``"max"``. Default: ``"mean"``
        sparse (bool): gives the table a sparse gradient, of the rows that were looked up. Default: ``False``
        include_last_offset (bool): the offsets have one more number, where the last bag ends. Default: ``False``
        padding_idx (int, optional): a row that counts for nothing and is not trained.
        device, dtype: where the table is made, and of which type.

    Shape:
        - Input: :math:`(B, L)`, :math:`B` bags of :math:`L` row numbers; or :math:`(N)`, all bags one after the other.
        - Offsets: none, or :math:`(B)`, where in the input each bag begins; an empty bag gives zeros.
        - Per_sample_weights: none, or as the input: what each row is multiplied by in a sum.
        - Output: :math:`(B, D)`.

    Attributes:
        weight: the table, of shape :math:`(V, D)`, from :math:`\mathcal{N}(0, 1)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.EmbeddingBag.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), mode="sum")
        >>> layer(torch.tensor([0, 1, 1]), offsets=torch.tensor([0, 2])).tolist()
        [[4.0, 6.0], [3.0, 4.0]]
    """

    __constants__ = (
        "num_embeddings", "embedding_dim", "max_norm", "norm_type", "scale_grad_by_freq", "mode", "sparse",
        "include_last_offset", "padding_idx",
    )  # fmt: skip
    mode: str
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = self._row(padding_idx, "padding_idx")
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._make(_weight, True, device, dtype)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        options = self._options()
        padding = options.pop("padding_idx", None)
        named = [f"{name}={value}" for name, value in options.items()] + [f"mode={self.mode!r}"]
        if padding is not None:
            named.append(f"padding_idx={padding}")
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *named])

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        r"""A layer around a table that exists already.

        Args:
            embeddings (Tensor): :math:`(V, D)`, the table; it is not copied.
            freeze (bool): whether it stays as it is in training. Default: ``True``
            max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx: as for the class.
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        layer = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer


__all__ = ["Embedding", "EmbeddingBag"]
