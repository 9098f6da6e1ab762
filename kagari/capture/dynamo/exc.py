"""Errors of programs that can't be captured as they are. The module has PyTorch's name."""

from __future__ import annotations


class TorchDynamoException(RuntimeError):
    """Any of them."""


class UserError(TorchDynamoException):
    """Arguments of a capture that are not right, or not true of the program."""


__all__ = ["TorchDynamoException", "UserError"]
