"""Functions on functions: derivatives, many examples at once, a module as a function of its parameters.

They can be nested in any order: `vmap(grad(loss), (None, 0))` is the gradient of each example's loss,
`jacfwd(jacrev(f))` a Hessian.
"""

from __future__ import annotations

from .derivatives import grad, grad_and_value, jvp, linearize, vjp
from .jacobians import hessian, jacfwd, jacrev
from .mapping import debug_unwrap, functionalize, vmap
from .modules import functional_call, replace_all_batch_norm_modules_, stack_module_state
from .rearrange import rearrange

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "rearrange", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
