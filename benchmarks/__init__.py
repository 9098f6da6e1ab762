"""Kagari and PyTorch side by side: the same source on both, in one process, in alternating rounds.

A family is a file with a function `rows(bench)`; what it measures is written once, with the framework as a parameter.
"""
