"""mmpretrain's hub of models, as docs/environments.md uses it."""

from tests.commands.documented import block, run


def test_the_hub_knows_our_configs(tmp_path):
    text = block('ModelHub.register_model_index')
    ask = f'{text}print(type(model).__module__, model.backbone.depth)'
    said = run(['python', '-W', 'ignore', '-c', ask], tmp_path)
    assert said.splitlines()[-1] == 'mmdcl.models.simclr 50'
