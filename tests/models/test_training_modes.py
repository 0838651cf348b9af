"""Mixed precision, accumulation, averaged weights, compilation."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmdcl.functional import neighbor_contrast, two_view_contrast
from tests.runs import NNCLR, SIMCLR, runner

ALGORITHMS = {
    f'{algorithm["type"]}-{head}': dict(
        algorithm, head=dict(type=f'mmdcl.{head}')
    )
    for algorithm in (SIMCLR, NNCLR)
    for head in ('InfoNCEHead', 'DCLHead', 'DCLWHead')
}


def build(name, **more):
    torch.manual_seed(0)
    model = MODELS.build({**ALGORITHMS[name], **more})
    model.init_weights()
    return model.train()


def views(steps=3):
    generator = torch.Generator().manual_seed(3)
    shape = (steps, 2, 16, 3, 16, 16)
    return torch.rand(shape, generator=generator)


@pytest.mark.parametrize('name', ALGORITHMS)
def test_loss_inside_autocast_is_that_of_float32(name):
    """Same embeddings, rounded to half precision or not: 1e-3 relative."""
    head = build(name).head
    z = torch.randn(4, 32, 16)
    z[1] = z[0] + 0.5 * z[1]

    def loss(z):
        if 'NNCLR' in name:
            contrast = neighbor_contrast(*z, head.temperature)
        else:
            contrast = two_view_contrast(*z[:2], head.temperature)
        return head.loss_from_rows(contrast.pos, contrast.s)

    expected = loss(z)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast('cpu', dtype=dtype):
            assert torch.equal(loss(z), expected)
            found = loss(z.to(dtype))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize('name', ALGORITHMS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_trains_under_autocast(name, dtype):
    model = build(name)
    scaler = torch.amp.GradScaler('cpu', enabled=dtype == torch.float16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in views():
        with torch.autocast('cpu', dtype=dtype):
            loss = model(list(step), mode='loss')['loss']
        assert loss.dtype == torch.float32
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    for tensor in model.state_dict().values():
        assert tensor.isfinite().all()
        assert tensor.dtype in (torch.float32, torch.int64)


@pytest.mark.parametrize('tile', [0, 8])
@pytest.mark.parametrize('name', [x for x in ALGORITHMS if 'DCLW' in x])
def test_compiled_equals_eager(name, tile):
    """Losses and gradients over several steps, the support set filling."""
    eager, compiled = build(name, tile=tile), build(name, tile=tile)
    torch._dynamo.reset()
    forward = torch.compile(compiled, backend='aot_eager')
    for step in views():
        expected = eager(list(step), mode='loss')
        found = forward(list(step), mode='loss')
        torch.testing.assert_close(found, expected)
        for model, losses in ((eager, expected), (compiled, found)):
            model.zero_grad()
            losses['loss'].backward()
        for one, other in zip(
            eager.parameters(), compiled.parameters(), strict=True
        ):
            torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(compiled.state_dict(), eager.state_dict())


@pytest.mark.parametrize('model', [SIMCLR, NNCLR], ids=['SimCLR', 'NNCLR'])
def test_accumulates_and_averages_weights(model, tmp_path):
    """Upstream's accumulation and EMA, through a resume."""

    def run(epochs, **kwargs):
        built = runner(
            tmp_path,
            model=model,
            train_cfg=dict(type='mmdcl.ExactTrainLoop', max_epochs=epochs),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.01), accumulative_counts=2
            ),
            custom_hooks=[
                dict(type='EMAHook', momentum=0.1),
                dict(type='mmdcl.CheckpointMatchHook'),
            ],
            **kwargs,
        )
        built.train()
        return built

    run(1)
    again = run(2, resume=True)
    assert again.iter == 8
    checkpoint = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    averaged = checkpoint['state_dict']
    plain = checkpoint['ema_state_dict']  # upstream exchanges the two
    for name, tensor in averaged.items():
        assert tensor.isfinite().all(), name
        if 'support_set' in name:
            assert torch.equal(tensor, plain[f'module.{name}']), name
    assert any(
        not torch.equal(tensor, plain[f'module.{name}'])
        for name, tensor in averaged.items()
    )


@pytest.mark.parametrize('name', ALGORITHMS)
def test_channels_last_changes_nothing_but_rounding(name):
    found = []
    for channels_last in (False, True):
        model = build(name, channels_last=channels_last).double()
        for step in views().double():
            model.zero_grad()
            model.loss(list(step), [])['loss'].backward()
        gradients = [p.grad for p in model.parameters()]
        found.append([model.backbone.conv1.weight, *gradients])
    laid_out = dict(memory_format=torch.channels_last)
    assert [x[0].is_contiguous(**laid_out) for x in found] == [False, True]
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)
