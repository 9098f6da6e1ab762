"""Where code meets memory: programs, plans, and operators as callable functions."""
