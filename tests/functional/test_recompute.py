"""Parts of a batch: the same values, gradients and counts, and less kept."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmdcl.functional.recompute import micro_batched


class Net(nn.Module):
    """Tuples of rows, with random numbers if asked for."""

    def __init__(self, norm=None, drop=0.0):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = norm or nn.GroupNorm(2, 8)
        self.drop = nn.Dropout(drop)
        self.last = nn.Linear(8, 5)

    def forward(self, x, mask=None):
        x = self.norm(self.conv(x)).relu()
        x = x if mask is None else x * mask[:, None, None, None]
        return x, self.last(self.drop(x.mean((2, 3))))


def images(rows=12):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(rows, 3, 6, 6, generator=generator)


def objective(out):
    """Of all rows together, as contrast is, and of their order."""
    first, last = out
    order = torch.arange(len(last)).to(last)
    rows = torch.logsumexp(last @ last.T, dim=1) + first.var((1, 2, 3))
    return (order * rows).mean()


def step(net, x, size=None, views=1, dtype=None, **kwargs):
    """Loss and gradients; once, or in micro-batches."""
    net.zero_grad()
    torch.manual_seed(3)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        if size is None:
            out = net(x, **kwargs)
        else:
            with micro_batched(net, size, views):
                out = net(x, **kwargs)
    loss = objective([y.float() if dtype else y for y in out])
    loss.backward()
    return loss.detach(), [p.grad.clone() for p in net.parameters()]


@pytest.mark.parametrize('views', [1, 2, 3])
@pytest.mark.parametrize('size', [1, 2, 3, 4, 5, 12, 99])
def test_equals_one_pass(size, views):
    """Sizes that do not divide the rows, and larger ones, included."""
    net, x = Net().double(), images().double()
    expected, parts = step(net, x), []
    net.conv.register_forward_hook(lambda m, a, out: parts.append(len(out)))
    found = step(net, x, size, views)
    torch.testing.assert_close(found, expected)
    assert max(parts) <= size * views
    assert 'forward' not in vars(net)


def test_other_arguments_of_rows_are_split():
    net, x = Net().double(), images().double()
    mask = torch.arange(12).double()
    expected = step(net, x, mask=mask)
    torch.testing.assert_close(step(net, x, 4, 2, mask=mask), expected)
    assert not torch.equal(expected[0], step(net, x)[0])


@pytest.mark.parametrize('momentum', [0.1, None])
def test_statistics_are_counted_once(momentum):
    """What a forward of each micro-batch leaves, of two views: 4 of 3."""
    net = Net(nn.BatchNorm2d(8, momentum=momentum))
    expected, x = deepcopy(net), images(24)
    for part in zip(*(view.split(3) for view in x.chunk(2)), strict=True):
        expected(torch.cat(part))
    buffers = dict(net.named_buffers())
    step(net, x, 3, 2)
    for name, value in net.named_buffers():
        assert value is buffers[name]
    torch.testing.assert_close(net.state_dict(), expected.state_dict())
    assert net.norm.num_batches_tracked == 4


def test_frozen_statistics():
    net, x = Net(nn.BatchNorm2d(8)).double().eval(), images().double()
    torch.testing.assert_close(step(net, x, 4), step(net, x))


def test_statistics_of_nan_are_not_kept():
    """As after an overflow of float16: not even multiplied by nought."""
    net = Net(nn.BatchNorm2d(8))
    with micro_batched(net, 4):
        loss = objective(net(images()))
    mean = net.norm.running_mean.clone()
    with torch.no_grad():
        net.conv.bias.fill_(float('nan'))
    loss.backward()
    assert torch.equal(net.norm.running_mean, mean)


def test_several_backwards_through_one_graph():
    """As where the gradient of each loss is looked at on its own."""
    net, x = Net(nn.BatchNorm2d(8)).double(), images().double()
    with micro_batched(net, 4):
        loss = objective(net(x))
    counted = deepcopy(net.state_dict())
    loss.backward(retain_graph=True)
    once = [p.grad.clone() for p in net.parameters()]
    loss.backward()
    twice = [p.grad / 2 for p in net.parameters()]
    torch.testing.assert_close(twice, once)
    torch.testing.assert_close(net.state_dict(), counted)


def test_random_numbers_are_those_of_the_forward():
    net, x = Net(drop=0.5).double(), images().double()
    net.zero_grad()
    torch.manual_seed(3)
    with micro_batched(net, 4):
        out = net(x)
    torch.manual_seed(99)  # whatever is drawn until the backward
    objective(out).backward()
    found = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    torch.manual_seed(3)
    parts = [net(part) for part in x.split(4)]
    objective(map(torch.cat, zip(*parts, strict=True))).backward()
    torch.testing.assert_close(found, [p.grad for p in net.parameters()])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_gradients_add_up_in_float32_under_autocast(dtype):
    """As near to float64 as one pass, which is not true of cached casts."""
    net, x = Net(), images(512)
    _, exact = step(deepcopy(net).double(), x.double())

    def error(size):
        _, found = step(net, x, size, dtype=dtype)
        pairs = zip(found, exact, strict=True)
        return sum(F.mse_loss(a.double(), b) for a, b in pairs) ** 0.5

    assert error(2) < 1.2 * error(None)
    assert torch.is_autocast_cache_enabled()


def test_what_is_kept_for_the_backward():
    """Rows of the input, and nothing of what is between."""
    net, x = Net(), images(64)
    most = [0]

    def kept(size):
        sizes = {}

        def pack(t):
            sizes[t.untyped_storage().data_ptr()] = t.nbytes
            return t

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)
        with hooks, micro_batched(net, size):
            out = net(x)
        most[0] = out[0].nbytes
        return sum(sizes.values())

    assert kept(64) > 2 * most[0]
    assert kept(4) <= x.nbytes


def test_hooks_of_the_network_see_one_call():
    net, calls, inner = Net(), [], []
    net.register_forward_hook(lambda m, args, out: calls.append(len(args[0])))
    net.conv.register_forward_hook(lambda m, args, out: inner.append(len(out)))
    step(net, images(), 4)
    assert calls == [12]
    assert inner == [4] * 6


def test_without_gradient_it_is_one_pass():
    net, x = Net(nn.BatchNorm2d(8)), images()
    own = net.forward = net.forward
    with torch.no_grad(), micro_batched(net, 4):
        net(x)
    assert vars(net)['forward'] is own
    assert net.norm.num_batches_tracked == 1


def test_networks_that_make_no_rows():
    class Scalar(Net):
        def forward(self, x):
            return super().forward(x)[1].mean()

    with pytest.raises(ValueError, match=r'Scalar .* of 4 rows it made \(\)'):
        step(Scalar(), images(), 4)


def test_mappings_and_nothing_are_joined():
    class Mapped(Net):
        def forward(self, x):
            return {'a': super().forward(x)[1], 'b': [None, x[:, 0]]}

    net, x = Mapped(), images()
    with micro_batched(net, 3, 2):
        out = net(x)
    assert torch.allclose(out['a'], net(x)['a'])
    assert torch.equal(out['b'][1], x[:, 0])
    assert out['b'][0] is None
    assert isinstance(out['b'], list)
