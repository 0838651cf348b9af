"""What docs/large-batches.md types, and what measures it."""

from mmengine.config import Config
from mmengine.runner import Runner

from tests.commands.documented import block, logged, typed


def test_a_large_batch_of_digits(tmp_path):
    """1,437 images: two steps of 512, and 1,022 negatives."""
    said = typed(
        'model.micro_batch=64',
        tmp_path,
        'train_cfg.max_epochs=1',
        'default_hooks.logger.interval=1',
        '--no-validate',
    )
    assert '512 images (1 process x 512, micro-batches of 64)' in said
    assert '1,022 for each anchor' in ' '.join(said.split())
    lines = logged(tmp_path / 'work_dirs/dcl_resnet18_1xb128_digits', 'loss')
    assert len(lines) == 2
    assert lines[0]['lr'] == 0.4


def test_sizes_that_do_not_divide_end_in_a_sentence(tmp_path):
    options = ['model.micro_batch=48', '--no-validate']
    said = typed('model.micro_batch=64', tmp_path, *options, code=1)
    said = ' '.join(said.split())
    assert 'got 48 for batches of 512 images; the nearest that do are 32' in (
        said
    )


def test_the_hook_under_upstreams_config(tmp_path):
    path = tmp_path / 'large.py'
    path.write_text(block('mmdcl.MicroBatchHook'))
    cfg = Config.fromfile(path)
    assert cfg.model.type == 'MoCoV3'
    [hook] = cfg.custom_hooks
    runner = Runner.__new__(Runner)
    runner._hooks = []
    runner.register_hook(hook)
    assert runner.hooks[0].size == 64


def test_what_measures_it_runs(tmp_path):
    options = ['--images', '8', '--micro', '2', '--rounds', '1']
    said = typed('speed/micro_batches.py', tmp_path, *options)
    assert '\n| micro-batches | 8 |' in said
