"""In-place changes of shape and strides, as with the oracle."""

from __future__ import annotations

from types import ModuleType

import pytest
from outcomes import assert_same

import kagari

SCRIPTS = """
r = torch.arange(6.0).reshape(2, 3); r.t_()
x = torch.arange(6.0).reshape(2, 3); r = (x.t_() is x, x)
x = torch.arange(24.0).reshape(2, 3, 4); r = x.transpose_(0, -1)
x = torch.arange(24.0).reshape(2, 3, 4); r = x.swapaxes_(1, 2)
x = torch.arange(24.0).reshape(2, 3, 4); r = x.swapdims_(0, 1)
x = torch.ones(1, 3, 1); r = x.squeeze_()
x = torch.ones(1, 3, 1); r = x.squeeze_(0)
x = torch.ones(1, 3, 1); r = x.squeeze_((0, 2))
x = torch.ones(1, 3, 1); r = x.squeeze_(1)
x = torch.ones(2, 3); r = x.unsqueeze_(-1)
x = torch.tensor(1.0); r = x.unsqueeze_(0)
x = torch.ones(2, 3); x.unsqueeze_(5)
x = torch.ones(2, 3, 4); x.t_()
x = torch.ones(2, 3); x.transpose_(0, 3)
x = torch.ones(2, 3); v = x[0]; x.t_(); v[1] = 7; r = (x, x._version, v._version)
x = torch.ones(2, 3, requires_grad=True); x.t_()
x = torch.ones(2, 3, requires_grad=True); x[0].unsqueeze_(0)
x = torch.arange(6.0).reshape(2, 3).requires_grad_(); y = x * 2; y.t_(); r = y
x = torch.arange(6.0).reshape(2, 3).requires_grad_(); y = x * 2; y.t_(); (y * y)[0].sum().backward(); r = x.grad
x = torch.ones(2, 3).requires_grad_(); y = x * 2; v = y[0]; v.unsqueeze_(0); (v * v).sum().backward(); r = x.grad
x = torch.ones(2, 3).requires_grad_(); y = x * 2; v = y[0]; y.mul_(3); v.unsqueeze_(1); v.sum().backward(); r = x.grad
x = torch.ones(2, 3).requires_grad_(); y = (x * 2).t_().mul_(3); y.pow(2).sum().backward(); r = x.grad
x = torch.ones(2, 3, requires_grad=True); exec("with torch.no_grad(): x.t_()"); r = x
x = torch.arange(6); r = x.resize_(2, 2)
x = torch.arange(6); r = x.resize_((3, 2))
x = torch.arange(6); x.resize_(9); r = x[:6]
x = torch.arange(6); r = x[2:].resize_(2, 2)
x = torch.arange(6); x.resize_(2, 2); r = (x.stride(), x.storage_offset(), x._version)
x = torch.ones(2, requires_grad=True); x.resize_(3)
x = torch.from_numpy(np.arange(3)); x.resize_(5)
x = torch.arange(6); r = x.resize_as_(torch.ones(2, 3))
x = torch.ones(2, 2); r = (x.is_set_to(x), x.is_set_to(x.t()), x.is_set_to(x.clone()), x.ndimension())
"""


@pytest.mark.parametrize("script", SCRIPTS.strip().split("\n"))
def test_like_the_oracle(script: str, oracle: ModuleType) -> None:
    assert_same(script, oracle, kagari)
