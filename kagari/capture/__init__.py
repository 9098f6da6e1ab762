"""Whole functions instead of single operators: `kagari.compile`."""

from ..base.later import postpone

postpone(__name__, "groups", "report")
