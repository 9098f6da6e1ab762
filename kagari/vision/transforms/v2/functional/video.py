"""Videos with fewer frames."""

from __future__ import annotations

from .....base.dtypes import int64
from .....eager import Tensor
from .....eager import operators as ops
from .dispatch import by_kind


def uniform_temporal_subsample_video(video: Tensor, num_samples: int) -> Tensor:
    r"""Some frames of a video, as far apart as they can be, the first and the last one among them.

    Args:
        inpt (Tensor): a video.
        num_samples (int): how many frames; more than there are repeat some.

    Shape:
        - :math:`(*, T, C, H, W)`.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms.v2 import functional as F
        >>> F.uniform_temporal_subsample(torch.arange(5).reshape(5, 1, 1, 1), 3).flatten()
        tensor([0, 2, 4])
    """
    at = ops.linspace(0, video.shape[-4] - 1, num_samples).to(int64)
    made: Tensor = video.index_select(-4, at)
    return made


uniform_temporal_subsample = by_kind(uniform_temporal_subsample_video, images=False)
