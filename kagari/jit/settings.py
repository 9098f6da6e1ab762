"""Settings of PyTorch's executor, which programs set: kernels are fused here whatever they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType


class _Settings:
    strategy: Sequence[tuple[str, int]] = (("STATIC", 2), ("DYNAMIC", 10))
    onednn = False


_settings = _Settings()


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Notes the strategy and gives the one before; it changes nothing: sizes of a structure share their kernels.

    >>> import kagari as torch
    >>> before = torch.jit.set_fusion_strategy([("STATIC", 2)])
    >>> torch.jit.set_fusion_strategy(before)
    [('STATIC', 2)]
    """
    for kind, depth in strategy:
        if kind not in ("STATIC", "DYNAMIC") or not isinstance(depth, int):
            raise RuntimeError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {kind}")
    before, _settings.strategy = list(_settings.strategy), strategy
    return before


def enable_onednn_fusion(enabled: bool) -> None:
    """Notes whether the library oneDNN is to fuse operators; there is none, and kernels are fused without it."""
    _settings.onednn = enabled


def onednn_fusion_enabled() -> bool:
    """What :func:`enable_onednn_fusion` has noted.

    >>> import kagari as torch
    >>> torch.jit.onednn_fusion_enabled()
    False
    """
    return _settings.onednn


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A region in which graphs are optimized or not; they run the same way in both.

    >>> import kagari as torch
    >>> with torch.jit.optimized_execution(False):
    ...     pass
    """
    yield


class strict_fusion:
    """A region of which every operator is to be fused; it is accepted, and nothing is raised where one is not."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


__all__ = [
    "enable_onednn_fusion", "onednn_fusion_enabled", "optimized_execution", "set_fusion_strategy", "strict_fusion",
]  # fmt: skip
