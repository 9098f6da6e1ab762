"""Every operator once, by family; `records` has them all."""

from ..base.later import postpone

postpone(__name__, "nodes", "operator", "records")
