"""Whole functions instead of single operators: `kagari.compile`."""

from . import compiler
from .compile import compile
from .function import CompiledFunction

__all__ = ["CompiledFunction", "compile", "compiler"]
