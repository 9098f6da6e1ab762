"""Sockets: how processes meet, and the connections between them. What a program of one process can do without."""

from ...base.later import postpone

postpone(__name__, "meeting", "mesh")
