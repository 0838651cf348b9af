"""Misspelt settings and wrong types: refused by name, and nothing else."""

import time
from pathlib import Path

import pytest
from mmengine.config import Config

import mmdcl.downstream.with_operators  # noqa: F401 - before mmpretrain imports mmdet
from mmdcl import registry
from mmdcl.cli.configuration import load_config
from mmdcl.cli.main import parse
from mmdcl.cli.settings import check_settings, merge_options
from mmdcl.constructors import arguments

CONFIGS = Path(__file__).parent.parent.parent / 'configs'
CIFAR = CONFIGS / 'nnclr-dcl_resnet18_1xb256_cifar10.py'
IMAGENET = CONFIGS / 'dcl_resnet50_8xb32.py'
DETECTION = CONFIGS / 'benchmarks' / 'detection_coco-fpn.py'
# Upstream's own, and what is wrong in them: mmengine's registry says the same
# of the first two, nothing reads the third.
WRONG = {
    'faster-rcnn_r50_fpn_1x_voc0712-cocofmt': 'takes no `eval_mode`',
    'fcos_swinb_fpn_8x4_sample1e-3_mstrain_v3det_2x': 'takes no `force_grad',
    'bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024': 'models: nothing',
}


def said(path, *options):
    """What is said of a config under ``--cfg-options``."""
    words = ['--cfg-options', *options] if options else []
    args = parse('train', [str(path), *words])
    try:
        cfg = load_config(args)
        merge_options(cfg, args.cfg_options or {})
        check_settings(cfg)
    except SystemExit as error:
        return str(error)
    return cfg


@pytest.mark.parametrize(
    ('option', 'sentence'),
    [
        ('optim_wraper.optimizer.lr=0.5', 'did you mean `optim_wrapper`?'),
        ('lr=0.5', 'nothing reads `lr`'),
        ('model.head.temprature=0.2', 'mmdcl.DCLHead takes no'),
        ('model.head.temprature=0.2', 'did you mean `temperature`?'),
        ('model.hed.temperature=0.2', 'model.hed: mmdcl.NNCLR takes no `hed`'),
        ('model.head.temperature.x=1', 'model.head.temperature is 0.1'),
        ('model.support_set.siez=64', 'did you mean `size`'),
        (
            'model.positives=class',
            'mmdcl.NNCLR takes no `positives`; model.type=mmdcl.SupCon does',
        ),
        ('model.topk=3', 'did you mean `top_k`'),
        ('model.backbone.dept=50', 'did you mean `depth`'),
        ('model.neck.out_chanels=5', 'did you mean `out_channels`'),
        ('model.predictor.type=NonLinearNek', 'did you mean `NonLinearNeck`?'),
        ('data_preprocessor.to_rbg=True', 'did you mean `to_rgb`'),
        ('train_dataloader.batchsize=5', 'did you mean `batch_size`'),
        ('train_dataloader.sampler.shufle=False', 'did you mean `shuffle`'),
        ('train_dataloader.dataset.splitt=test', 'did you mean `split`'),
        (
            'train_dataloader.dataset.pipeline.1.transforms.0.1.probb=0.5',
            'train_dataloader.dataset.pipeline.1.transforms.0.1.probb: '
            'RandomFlip takes no `probb`; did you mean `prob`',
        ),
        (
            'train_dataloader.dataset.pipeline.1.transforms.0.2.transforms.0.'
            'brightnes=1',
            'did you mean `brightness`',
        ),
        (
            'train_dataloader.dataset.pipeline.9.x=1',
            'is a list, of train_dataloader.dataset.pipeline.0, ',
        ),
        ('default_hooks.checkpoint.intervall=1', 'did you mean `interval`'),
        ('default_hooks.checkpoint.max_keep_ckpt=1', '`max_keep_ckpts`'),
        ('default_hooks.checkpoint.save_bst=auto', '`save_best`'),
        ('default_hooks.chekpoint.interval=1', 'did you mean `checkpoint`?'),
        ('custom_hooks.0.intervall=1', 'takes no `intervall`'),
        ('val_cfg.kk=5', 'val_cfg.kk: mmdcl.KNNValLoop takes no `kk`'),
        ('test_cfg.temprature=5', 'did you mean `temperature`'),
        ('train_cfg.max_epoch=5', 'did you mean `max_epochs`'),
        ('val_evaluator.topkk=5', 'did you mean `topk`'),
        ('optim_wrapper.optimizr.lr=1', 'did you mean `optimizer`'),
        ('optim_wrapper.optimizer.learning_rate=1', 'SGD takes no'),
        ('param_scheduler.0.Tmax=3', 'did you mean `T_max`'),
        (
            'param_scheduler.3.T_max=3',
            'is a list, of param_scheduler.0; it has no',
        ),
        ('visualizer.vis_backend=1', 'did you mean `vis_backends`'),
        ('randomness.sed=1', 'did you mean `seed`'),
        ('env_cfg.cudnn_benchmrk=True', 'did you mean `cudnn_benchmark`'),
        ('auto_scale_lr.base_batchsize=1', 'did you mean `base_batch_size`'),
        ('rgb.order=bgr', 'or train_dataloader.dataset.pipeline.0.order'),
        ('train_dataloader.batch_size=32x', 'must be a whole number or None'),
        ('train_dataloader.num_workers=x', 'must be a whole number, got "x"'),
        ('optim_wrapper.optimizer.lr=high', 'optimizer.lr must be a number'),
        (
            'param_scheduler.0.T_max=end',
            'T_max must be a whole number or None',
        ),
        ('train_cfg.max_epochs=x', 'train_cfg.max_epochs must be a whole'),
        ('model.head.temperature=x', 'must be a number, got "x" (str)'),
    ],
)
def test_what_nobody_takes_is_refused(option, sentence):
    found = said(CIFAR, option)
    assert isinstance(found, str)
    assert found.startswith('error: ')
    assert sentence in found
    assert len(found.splitlines()) == 1


def test_micro_batches_of_other_algorithms_are_a_hook():
    found = said('mocov3-dcl_vit-tiny-p4_1xb64_cifar10', 'model.micro_batch=8')
    assert 'MoCoV3 takes no `micro_batch`; for it, mmdcl.MicroBatch' in found


@pytest.mark.parametrize(
    'option',
    [
        'param_scheduler.0.T_max=3',
        'model.head.temperature=0.3',
        'model.backbone.init_cfg.type=Pretrained',
        'model.backbone.norm_cfg.requires_grad=False',
        'model.tile=0',
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult=0.1',
        'optim_wrapper.clip_grad.max_norm=1',
        'optim_wrapper.type=AmpOptimWrapper',
        'train_dataloader.dataset.indices=64',
        'train_dataloader.dataset.metainfo.classes=[a,b]',
        'train_dataloader.prefetch_factor=4',
        'train_dataloader.num_batch_per_epoch=4',
        'default_hooks.ema.type=EMAHook',
        'default_hooks.checkpoint.save_best=auto',
        'default_hooks.logger.priority=LOW',
        'custom_hooks.0.priority=LOW',
        'val_cfg.k=[1,2]',
        'val_cfg.bank_dataloader.batch_size=3',
        'randomness.seed=1',
        'env_cfg.dist_cfg.timeout=60',
        'resume=True',
        'find_unused_parameters=True',
        'compile=True',
        'model_wrapper_cfg.type=MMDistributedDataParallel',
    ],
)
def test_what_is_taken_is_merged(option):
    found = said(CIFAR, option)
    assert isinstance(found, Config), found
    keys, _, value = option.partition('=')
    for key in keys.split('.'):
        found = found[int(key) if key.isdecimal() else key]
    assert str(found).replace(' ', '').replace("'", '') == value


def test_a_misspelt_name_of_a_file(tmp_path):
    path = tmp_path / 'mine.py'
    text = f"_base_ = '{CIFAR}'\n"
    path.write_text(text + 'param_schedulr = []\n')
    assert 'did you mean `param_scheduler`?' in said(path)
    path.write_text(text + 'model = dict(head=dict(temprature=0.2))\n')
    assert 'model.head.temprature' in said(path)
    path.write_text(text + 'optimizer, custom_hooksz = dict(lr=1), 3\n')
    found = said(path)
    assert 'custom_hooksz: nothing reads it' in found
    path.write_text(
        text + "custom_hooksz = dict(type='mmdcl.InvalidLossHook')\n"
        'custom_hooks = [custom_hooksz]\n'
    )
    assert isinstance(said(path), Config)  # a variable, and used


def test_a_text_where_a_number_is_wanted(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(
        f"_base_ = '{CIFAR}'\n"
        "train_dataloader = dict(batch_size='32')\n"
        "model = dict(head=dict(type='mmdcl.DCLWHead', detach='False'))\n"
    )
    assert said(path).splitlines() == [
        'error: model.head.detach must be True or False, got "False" (str)',
        'error: train_dataloader.batch_size must be a whole number or None, '
        'got "32" (str)',
    ]


@pytest.mark.parametrize(
    ('algorithm', 'head', 'sentence'),
    [
        (
            'mocov3/mocov3_resnet50_8xb512-amp-coslr-100e',
            "dict(loss=dict(type='mmdcl.DCLHead'))",
            'model.head.loss: DCLHead is a head and stands where',
        ),
        (
            'simclr/simclr_resnet50_8xb32-coslr-200e',
            "dict(type='mmdcl.DecoupledCrossEntropyLoss')",
            'model.head: DecoupledCrossEntropyLoss is a loss module and',
        ),
        (
            'mocov3/mocov3_resnet50_8xb512-amp-coslr-100e',
            "dict(loss=dict(type='mmdcl.WeightedDecoupledCrossEntropyLoss'))",
            'WeightedDecoupledCrossEntropyLoss needs `temperature`',
        ),
    ],
)
def test_heads_and_loss_modules_are_in_their_places(
    algorithm, head, sentence, tmp_path
):
    """Whatever else they inherit that they do not take."""
    path = tmp_path / 'mine.py'
    path.write_text(
        f"_base_ = 'mmpretrain::{algorithm}_in1k.py'\n"
        f'model = dict(head={head})\n'
    )
    found = said(path)
    assert sentence in found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize('wrong', ['a', '=1', 'a..b=1', 'k=[1,2'])
def test_what_is_no_setting_is_a_usage_error(wrong, capsys):
    with pytest.raises(SystemExit) as error:
        said(CIFAR, wrong)
    assert error.value.code == 2
    assert 'argument --cfg-options' in capsys.readouterr().err


def test_our_configs_are_right_and_checked_in_no_time():
    found = sorted(CONFIGS.rglob('*.py'))
    configs = [Config.fromfile(x) for x in found if '_base_' not in x.parts]
    for cfg in configs:
        check_settings(cfg)  # imports what a run does
    some = configs[::5]
    start = time.process_time()
    for cfg in some:
        check_settings(cfg)
    assert time.process_time() - start < len(some)  # one second each


@pytest.mark.parametrize('library', ['mmpretrain', 'mmdet', 'mmseg'])
def test_upstreams_configs_are_right(library):
    package = pytest.importorskip(library)
    folder = Path(package.__file__).parent / '.mim' / 'configs'
    found = sorted(folder.rglob('*.py'))
    found = [x for x in found if not {'_base_', 'common'} & {*x.parts}]
    wrong = [x for x in found if x.stem in WRONG]
    checked, complaints = 0, {}
    for path in [*found[:: max(1, len(found) // 25)], *wrong]:
        try:
            cfg = Config.fromfile(path)
        except (ImportError, KeyError, RuntimeError):  # a dependency
            continue
        if 'model' not in cfg:
            continue
        checked += 1
        try:
            check_settings(cfg)
        except SystemExit as error:
            complaints[path.stem] = str(error)
    assert checked > 15
    assert set(complaints) == {path.stem for path in wrong}
    for name, complaint in complaints.items():
        assert WRONG[name] in complaint


class Base:
    def __init__(self, a, *, b=1):
        pass


class Passes(Base):
    def __init__(self, c, **kwargs):
        self.d = kwargs.pop('d', None)
        super().__init__(b=2, **kwargs)


class PassesElsewhere(Passes):
    def __init__(self, **kwargs):
        super(Passes, self).__init__(**kwargs)


class Keeps(Base):
    def __init__(self, **kwargs):
        self.rest = kwargs
        super().__init__(**kwargs)


class Swallows(Base):
    def __init__(self, e=1, **kwargs):
        super().__init__(1)


class CallsTheBase(Base):
    def __init__(self, f=1, **kwargs):
        Base.__init__(self, **kwargs)


@pytest.mark.parametrize(
    ('kind', 'names', 'is_open'),
    [
        (Base, 'ab', False),
        (Passes, 'acd', False),
        (PassesElsewhere, 'ab', False),
        (Keeps, '', True),
        (Swallows, 'e', True),
        (CallsTheBase, 'abf', False),
    ],
)
def test_arguments_are_followed_as_far_as_constructors_pass_them(
    kind, names, is_open
):
    found = arguments(kind)
    assert found.open == is_open
    assert set(found.known) == set(names)


def test_nothing_of_ours_takes_just_anything():
    """Else misspelt arguments of it would pass."""
    kinds = set()
    for each in vars(registry).values():
        if isinstance(each, registry.Registry):
            each.import_from_location()
            kinds |= set(each.module_dict.values())
    assert len(kinds) > 20
    found = {kind.__name__ for kind in kinds if arguments(kind).open}
    # The last hands them to timm, whose networks refuse what is none.
    assert found <= {'CustomDataset', 'ImageNet', 'TIMMBackbone'}, found
