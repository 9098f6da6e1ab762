"""Where code meets memory: programs, plans, and operators as callable functions."""

from ..base.later import postpone

postpone(__name__, "foreach", "interpret", "small", "traced")
