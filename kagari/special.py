"""Special functions, as `torch.special`: its own, and those that have another name in the package's own namespace."""

from __future__ import annotations

from typing import Any

from .eager import operators

_SAME = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2", "expit": "sigmoid",
    "expm1": "expm1", "gammainc": "igamma", "gammaincc": "igammac", "gammaln": "lgamma", "i0": "i0", "log1p": "log1p",
    "log_softmax": "log_softmax",
    "logit": "logit", "logsumexp": "logsumexp", "multigammaln": "mvlgamma", "polygamma": "polygamma",
    "psi": "digamma", "round": "round", "sinc": "sinc", "softmax": "softmax", "xlogy": "xlogy",
}  # fmt: skip

_OWN = ("entr", "erfcx", "i0e", "i1", "i1e", "log_ndtr", "ndtr", "ndtri", "xlog1py", "zeta")

__all__ = sorted((*_SAME, *_OWN))


def __getattr__(name: str) -> Any:
    """A function by its name here. Raises AttributeError for names that are not there."""
    if name not in __all__:
        raise AttributeError(f"module 'kagari.special' has no attribute {name!r}")
    found = globals()[name] = getattr(operators, _SAME.get(name, name))
    return found


def __dir__() -> list[str]:
    return list(__all__)
