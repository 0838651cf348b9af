"""What a run changed of the recipe that it is based on."""

from mmengine.config import Config

from mmdcl.report.runs.config_changes import config_changes

WHOLE = """
model = dict(type='A', head=dict(type='InfoNCE', temperature=0.1))
train_dataloader = dict(
    batch_size=32, num_workers=2, dataset=dict(pipeline=[dict(type='X', p=1)])
)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
"""


def changes(tmp_path, name, **options):
    cfg = Config.fromfile(tmp_path / name)
    cfg.merge_from_dict({k.replace('__', '.'): x for k, x in options.items()})
    return config_changes(cfg)


def test_of_a_config_that_inherits_a_recipe(tmp_path):
    tmp_path.joinpath('whole.py').write_text(WHOLE)
    tmp_path.joinpath('ours.py').write_text(
        "_base_ = './whole.py'\n"
        "model = dict(head=dict(_delete_=True, type='DCL', sigma=1))\n"
        'train_dataloader = dict(num_workers=0)\n'
        "work_dir = 'here'\n"
    )
    found = changes(tmp_path, 'ours.py', optim_wrapper__optimizer__lr=0.2)
    assert found == [
        ('model.head.type', 'DCL', 'InfoNCE'),
        ('model.head.sigma', 1, None),
        ('optim_wrapper.optimizer.lr', 0.2, 0.1),
    ]


def test_of_a_recipe_itself_only_the_command_line(tmp_path):
    tmp_path.joinpath('part.py').write_text("optim_wrapper = dict(type='O')\n")
    text = f"_base_ = ['./part.py']\n{WHOLE}"
    tmp_path.joinpath('whole.py').write_text(text)
    assert changes(tmp_path, 'whole.py') == []
    found = changes(
        tmp_path,
        'whole.py',
        train_dataloader__dataset__pipeline=[dict(type='X', p=0.5)],
        train_dataloader__pin_memory=True,
        resume=True,
    )
    assert found == [('train_dataloader.dataset.pipeline.0.p', 0.5, 1)]
    found = changes(
        tmp_path,
        'whole.py',
        train_dataloader__dataset__pipeline=[dict(type='Y', x='y' * 400)] * 2,
    )
    [(key, now, base)] = found
    assert key == 'train_dataloader.dataset.pipeline'
    assert now.startswith("[{'type': 'Y'")
    assert len(now) < 310
    assert base == "[{'type': 'X', 'p': 1}]"


def test_without_a_file_there_is_nothing_to_compare(tmp_path):
    assert config_changes(Config(dict(model=1))) == []
    tmp_path.joinpath('gone.py').write_text(WHOLE)
    cfg = Config.fromfile(tmp_path / 'gone.py')
    tmp_path.joinpath('gone.py').unlink()
    assert config_changes(cfg) == []


def test_of_a_config_that_inherits_ours_by_name(tmp_path):
    """As our documents say to; what else is computed is not run."""
    for written in (
        "__import__('mmdcl').config_path('dcl_resnet18_1xb128_digits')",
        "[__import__('mmdcl').config_path('dcl_resnet18_1xb128_digits')]",
    ):
        tmp_path.joinpath('ours.py').write_text(
            f'_base_ = {written}\noptim_wrapper = dict(optimizer=dict(lr=1))\n'
        )
        found = changes(tmp_path, 'ours.py')
        assert found == [('optim_wrapper.optimizer.lr', 1, 0.1)]
    tmp_path.joinpath('whole.py').write_text(WHOLE)
    tmp_path.joinpath('ours.py').write_text(
        f'_base_ = str({str(tmp_path / "whole.py")!r})\n'
    )
    assert changes(tmp_path, 'ours.py') is None
