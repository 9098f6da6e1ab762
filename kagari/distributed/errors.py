"""What goes wrong between processes."""

from __future__ import annotations


class DistError(RuntimeError):
    """An error of computing with several processes."""


class DistBackendError(DistError):
    """What carries messages between processes failed."""


class DistNetworkError(DistError):
    """A connection could not be made, or was lost."""


class DistStoreError(DistError):
    """A store did not answer as it should, or not in time."""


class QueueEmptyError(DistStoreError):
    """A queue of a store has nothing to take."""


__all__ = ["DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "QueueEmptyError"]
