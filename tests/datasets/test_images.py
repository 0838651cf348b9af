"""Anyone's images: which are taken, with which labels, what is held out."""

import os

import numpy as np
import pytest

from mmdcl.datasets import Images
from mmdcl.datasets.collection import collect
from mmdcl.datasets.held_out import held_out_of


def files(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def classes(root, each=10, names=('ant', 'bee')):
    return files(root, *[f'{x}/{i}.jpg' for x in names for i in range(each)])


def taken(split, root, **kwargs):
    """Label of each image by its path below ``root``."""
    found = Images(data_root=str(root), split=split, **kwargs)
    infos = [found.get_data_info(i) for i in range(len(found))]
    place = root if root.is_dir() else root.parent
    return {
        os.path.relpath(x['img_path'], place): x.get('gt_label') for x in infos
    }


def test_a_folder_of_any_depth(tmp_path):
    names = ('a.JPG', 'b/c.png', 'b/d/e/f.webp', 'g h/i.tiff', 'j.bmp')
    files(tmp_path, *names, 'notes.txt', '.hidden/k.png')
    assert taken('train', tmp_path) == dict.fromkeys(sorted(names))
    found = collect(str(tmp_path))
    assert '(1 .txt)' in found.passed_over
    assert found.classes is None
    with pytest.raises(ValueError, match='no images to validate on: 2 of 5'):
        taken('val', tmp_path)


@pytest.mark.parametrize(
    ('names', 'why'),
    [
        (('a.jpg', 'b.jpg'), 'there are no folders of classes in '),
        (('x/a.jpg', 'x/b.jpg'), 'all are in .*x, which would be one class'),
        (
            ('x/a.jpg', 'y/b.jpg', 'c.jpg'),
            '1 of 3 images .* no folder of a class',
        ),
        (('x/a.jpg', 'y/z/b.jpg'), '1 of 2 images .* deeper than .*y/z/b.jpg'),
        (('x/a.jpg', 'y/b.jpg'), 'no class has two images'),
    ],
)
def test_why_there_are_no_labels(names, why, tmp_path):
    files(tmp_path, *names)
    found = collect(str(tmp_path))
    assert not found.val
    with pytest.raises(ValueError, match=why):
        taken('val', tmp_path)
    assert len(taken('train', tmp_path)) == len(names)


def test_labels_can_be_demanded_and_denied(tmp_path):
    files(tmp_path, 'x/1/a.jpg', 'x/2/b.jpg', 'y/c.jpg', 'y/d.jpg')
    found = taken('all', tmp_path, with_label=True)
    assert [found[x] for x in sorted(found)] == [0, 0, 1, 1]
    flat = files(tmp_path / 'flat', 'a.jpg')
    with pytest.raises(ValueError, match=r'`with_label` .* asks for labels'):
        taken('train', flat, with_label=True)
    labelled = classes(tmp_path / 'labelled')
    denied = taken('train', labelled, with_label=False)
    assert set(denied.values()) == {None}
    assert len(denied) == 20


def test_what_is_held_out_is_not_trained_on(tmp_path):
    classes(tmp_path, each=50)
    train, val = taken('train', tmp_path), taken('val', tmp_path)
    assert not train.keys() & val.keys()
    assert len(train) + len(val) == 100
    assert set(val.values()) == {0, 1}
    assert taken('all', tmp_path) == train | val
    assert not collect(str(tmp_path), held_out=0).val


def test_who_is_held_out_does_not_depend_on_others():
    names = [f'{i}.jpg' for i in range(20_000)]
    labels = [str(i % 10) for i in range(20_000)]
    out = np.array(held_out_of(names, labels, 0.1))
    again = np.array(held_out_of(names[::2], labels[::2], 0.1))
    assert (out[::2] == again).all()
    shares = [out[i::10].mean() for i in range(10)]
    assert 0.08 < min(shares) < max(shares) < 0.12
    more = [f'{i}.png' for i in range(100_000)]  # 0.05 of 80,000 or more
    many = held_out_of(more, ['x'] * len(more), 0.1)
    assert 4_700 < sum(many) < 5_300


def test_small_classes():
    out = held_out_of(['a', 'b', 'c', 'd'], ['x', 'x', 'y', 'z'], 0.001)
    assert sum(out[:2]) == 1
    assert not any(out[2:])
    assert sum(held_out_of(['a', 'b', 'c'], ['x'] * 3, 0.999)) == 2


def test_splits_that_are_there_are_used(tmp_path):
    classes(tmp_path / 'train')
    classes(tmp_path / 'val', each=3)
    classes(tmp_path / 'test', each=1)
    assert len(taken('train', tmp_path)) == 20
    val = taken('val', tmp_path)
    assert len(val) == 6
    assert val['val/bee/0.jpg'] == 1
    files(tmp_path / 'val', 'cat/0.jpg')
    with pytest.raises(ValueError, match=r'val has cat, which .*train has no'):
        collect(str(tmp_path))


def test_splits_by_other_names(tmp_path):
    classes(tmp_path / 'Training')
    classes(tmp_path / 'Testing', each=1)
    assert collect(str(tmp_path)).root.endswith('Training')
    classes(tmp_path / 'Val', each=2)
    assert len(taken('val', tmp_path)) == 4


def test_a_column_of_splits(tmp_path):
    classes(tmp_path)
    names = ['train', 'TRAIN', 'val', 'test', 'train']
    rows = [
        f'{x}/{i}.jpg,{names[i % 5]}'
        for x in ('ant', 'bee')
        for i in range(10)
    ]
    plain = listed(tmp_path / 'plain.csv', 'path,split', *rows)
    found = collect(str(plain))
    assert (len(found.train), found.val) == (12, [])
    assert 'passed over 4 images' in found.passed_over
    rows = [f'{x},{x[:3]}' for x in rows]
    table = listed(tmp_path / 'a.csv', 'path,split,label', *rows)
    assert len(taken('train', table)) == 12
    val = {f'{x}/{i}.jpg' for x in ('ant', 'bee') for i in (2, 7)}
    assert set(taken('val', table)) == val
    assert '4 in its split val' in collect(str(table)).sentence()
    folds = [f'{x}/0.jpg,{x},{i}' for i, x in enumerate(('ant', 'bee'))]
    table = listed(tmp_path / 'b.csv', 'path,label,split', *folds)
    assert len(taken('all', table)) == 2
    none = listed(tmp_path / 'c.csv', 'path,split', 'ant/1.jpg,test')
    with pytest.raises(ValueError, match=r'no image to train on.*are test'):
        collect(str(none))
    other = listed(tmp_path / 'd.csv', *none.read_text().split(), 'bee/1.jpg,')
    with pytest.raises(ValueError, match=r'other splits .*: an empty cell'):
        collect(str(other))


def test_a_train_is_a_vehicle_beside_others(tmp_path):
    classes(tmp_path, names=('bus', 'car', 'train'))
    assert collect(str(tmp_path)).classes == ('bus', 'car', 'train')
    classes(tmp_path / 'only/train')
    classes(tmp_path / 'only/test')
    found = collect(str(tmp_path / 'only'))
    assert found.root.endswith('train')
    assert len(found.train) + len(found.val) == 20


def listed(path, *lines):
    path.write_text('\n'.join(lines))
    return path


def test_a_list(tmp_path):
    classes(tmp_path / 'images', each=9, names=('ant', 'my bee'))
    names = sorted(str(x) for x in tmp_path.glob('images/*/*.jpg'))
    paths = [os.path.relpath(x, tmp_path) for x in names]
    plain = listed(tmp_path / 'plain.txt', *paths, '', '')
    assert taken('train', plain) == dict.fromkeys(paths)
    labelled = listed(
        tmp_path / 'labelled.txt',
        *[f'{x} {10 if "ant" in x else 9}' for x in names[:5] + paths[5:]],
    )
    assert collect(str(labelled)).classes == ('9', '10')
    everything = taken('all', labelled)
    assert everything == {x: int('ant' in x) for x in paths}
    bare = [x.rpartition('/')[2] for x in paths if 'ant' in x]
    other = listed(tmp_path / 'other.txt', *bare)
    root = str(tmp_path / 'images/ant')
    assert len(collect(str(other), img_root=root).train) == 9
    held = {str(x) for _, x, _ in collect(str(labelled)).val}
    assert held
    assert held <= set(paths)  # also of those that are absolute in the list


@pytest.mark.parametrize(
    ('suffix', 'comma'), [('.csv', ','), ('.csv', ';'), ('.tsv', '\t')]
)
def test_a_table(suffix, comma, tmp_path):
    classes(tmp_path)
    rows = [('id', 'File Name', 'Class', 'species')]
    rows += [
        (str(i), f'"{x}/{i}.jpg"', x, f'{i % 5}')
        for x in ('ant', 'bee')
        for i in range(10)
    ]
    table = listed(tmp_path / f'table{suffix}', *map(comma.join, rows))
    assert taken('all', table)['bee/3.jpg'] == 1
    found = collect(str(table), label_column='species')
    assert found.classes == tuple('01234')
    for key, text in (('path_column', 'no column .x.'), ('label_column', '')):
        with pytest.raises(ValueError, match=f'{text}.*{key}.* it has id, F'):
            collect(str(table), **{key: 'x'})


@pytest.mark.parametrize(
    ('name', 'lines', 'message'),
    [
        ('a.txt', ['a.jpg 1', 'b.jpg'], '1 of 2 .* no label.*b.jpg .line 2'),
        ('a.txt', ['a.jpg 1', 'b.jpg 1'], 'have the same label, .1.'),
        ('a.txt', ['a.jpg', './a.jpg'], r'more than once: ./a.jpg \(line 2'),
        ('a.txt', ['a.jpg', 'what'], "line 2: 'what' is no path of an image"),
        ('a.txt', [''], 'names no image'),
        ('a.txt', ['a.jpg', 'x.jpg', 'y/z.jpg'], '2 of 3 .* not there: x.jpg'),
        ('a.csv', ['x,y', 'a.jpg,1'], 'no column called path.* it has x, y'),
        ('a.csv', ['path,y', ',1'], "line 2: nothing in column 'path'"),
        ('a.csv', ['path', 'a.jpg,1'], 'line 2 .* more cells'),
        ('a.csv', ['path,label', 'a.jpg,1', 'b.jpg,'], '1 of 2 .* no label'),
        ('a.csv', ['path', 'folder'], 'not there: folder'),
        ('a.jpg', [], 'neither a list .* nor a table'),
        ('none', None, 'there is no .*none; give a folder'),
    ],
)
def test_what_is_refused(name, lines, message, tmp_path):
    files(tmp_path, 'a.jpg', 'b.jpg', 'folder/c.jpg')
    path = tmp_path / name
    if lines is not None:
        listed(path, *lines)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        collect(str(path))


def test_arguments_are_checked(tmp_path):
    classes(tmp_path)
    for wrong, message in (
        (dict(split='x'), "`split` must be 'train', 'val' or 'all', got"),
        (dict(held_out=1), 'a share of the images below 1, got 1'),
        (dict(held_out=-1), '`held_out` must be a number >= 0'),
        (dict(img_root='x'), '`img_root` is for lists and tables'),
    ):
        with pytest.raises(ValueError, match=message):
            Images(data_root=str(tmp_path), **wrong)
    table = listed(tmp_path / 'a.txt', 'ant/0.jpg')
    with pytest.raises(ValueError, match='a list without columns'):
        collect(str(table), path_column='x')
    with pytest.raises(ValueError, match='asks for them'):
        collect(str(table), with_label=True)
    with pytest.raises(
        FileNotFoundError, match=r'no image in .* at any depth'
    ):
        collect(str(files(tmp_path / 'empty', 'x.txt')))
    with pytest.raises(ValueError, match='local folders and lists, not s3'):
        collect('s3://x')


def half_labelled(tmp_path, header='path,label', val=''):
    classes(tmp_path, each=20)
    rows = [
        f'{x}/{i}.jpg,{x if i < 12 else ("-1" if i % 2 else "")}{val}'
        for x in ('ant', 'bee')
        for i in range(20)
    ]
    table = tmp_path / 'table.csv'
    table.write_text('\n'.join([header, *rows]))
    return table


def test_lines_without_a_label_may_be_kept(tmp_path):
    table = half_labelled(tmp_path)
    with pytest.raises(ValueError, match=r'8 of 40 .*`keep_unlabelled=True`'):
        taken('train', table)
    train = taken('train', table, keep_unlabelled=True)
    val = taken('val', table, keep_unlabelled=True)
    assert len(train) + len(val) == 40
    assert set(val.values()) == {0, 1}  # kNN has to know
    for path, label in train.items():
        name, number = os.path.split(path.removesuffix('.jpg'))
        known = int(number) < 12
        assert label == (('ant', 'bee').index(name) if known else -1)
    found = collect(str(table), keep_unlabelled=True)
    assert found.classes == ('ant', 'bee')
    assert 'of 2 classes (ant, bee), 16 without a label' in found.sentence()


def test_unlabelled_lines_that_cannot_be_kept(tmp_path):
    keep = dict(keep_unlabelled=True)
    table = half_labelled(tmp_path, 'path,label,split', ',val')
    whole = table.read_text().replace(',ant,val', ',ant,train')
    table.write_text(whole)
    with pytest.raises(ValueError, match=r'16 images .* split val have no'):
        taken('train', table, **keep)
    table.write_text('path,label\nant/1.jpg,a\nant/2.jpg,\n')
    with pytest.raises(ValueError, match="have the same label, 'a', of"):
        taken('train', table, **keep)
    with pytest.raises(ValueError, match='`keep_unlabelled` is for lists and'):
        taken('train', tmp_path, **keep)
