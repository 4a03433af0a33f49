"""check_objects: every fault of a file of annotated objects is named, with the rule and what to do."""

import copy
import json

import check_objects
import cv2
import numpy as np
import pytest
from prep.objects.findings import RULES


def sound():
    """Four images of three classes, one image without an object."""
    boxes = [(1, 1, [10, 10, 20, 30]), (1, 2, [40, 5, 15, 15]), (2, 2, [0, 0, 100, 80]), (3, 3, [5, 6, 7, 8])]
    return {
        'images': [{'id': k, 'file_name': f'{k}.png', 'width': 100, 'height': 80} for k in (1, 2, 3, 4)],
        'annotations': [
            {
                'id': number,
                'image_id': image,
                'category_id': category,
                'bbox': box,
                'area': box[2] * box[3],
                'segmentation': [polygon(*box)],
                'iscrowd': 0,
            }
            for number, (image, category, box) in enumerate(boxes, start=1)
        ],
        'categories': [{'id': k, 'name': name} for k, name in ((1, 'cat'), (2, 'dog'), (3, 'cow'))],
    }


def polygon(left, top, width, height):
    return [left, top, left + width, top, left + width, top + height, left, top + height]


def as_lvis(content):
    for image in content['images']:
        image |= {'coco_url': image['file_name'], 'neg_category_ids': [], 'not_exhaustive_category_ids': []}
    for category, (images, objects) in zip(content['categories'], ((1, 1), (2, 2), (1, 1)), strict=True):
        category |= {'frequency': 'r', 'image_count': images, 'instance_count': objects}
    return content


@pytest.fixture
def check(tmp_path, capsys):
    """Writes parts, runs the command and gives status, what is printed, and the JSON file."""

    def run(*options, **parts):
        words = []
        for name, content in parts.items():
            path = tmp_path / f'{name}.json'
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            words += [f'--{name}', str(path)]
        result = tmp_path / 'result.json'
        result.unlink(missing_ok=True)
        status = check_objects.main([*words, *map(str, options), '--json', str(result)])
        found = json.loads(result.read_text()) if result.exists() else None
        return status, capsys.readouterr(), found

    return run


def test_a_sound_file_passes_and_an_image_without_objects_is_a_warning(check):
    status, printed, found = check(train=sound(), test=dict(sound(), images=[], annotations=[]))
    assert status == 0
    assert printed.out.splitlines() == [
        'part    images  without objects  objects  classes',
        'train        4                1        4        3',
        'test         0                0        0        3',
        'nothing is wrong',
    ]
    assert printed.err == (
        'warning: train: image without objects: 4 (4.png). mmdet leaves such images out of training (filter_empty_gt), '
        'and tests on them.\n'
    )
    assert (found['problems'], found['warnings']) == (0, 1)
    assert found['findings'][0]['cases'] == ['4 (4.png)']


def change(*keys, to=None):
    """A change of a sound file: the value that the keys lead to, or the removal of it."""

    def apply(content):
        *way, last = keys
        for key in way:
            content = content[key]
        if to is None:
            del content[last]
        else:
            content[last] = to

    return apply


def add(listed, /, **values):
    """A change of a sound file: an entry more, like the last one but for some values."""
    return lambda content: content[listed].append(copy.deepcopy(content[listed][-1]) | values)


NUMBERS = {'size': [80, 100], 'counts': [0, 8000]}
FAULTS = [
    (change('images', 0, 'id'), 'image entry', 'entry 0 of images: id is missing; it must be a whole number'),
    (change('images', 0, 'width', to=0), 'image entry', 'entry 0 of images: width is 0; it must be a whole number > 0'),
    (change('images', 0, 'file_name'), 'image entry', 'entry 0 of images: it has neither file_name nor coco_url'),
    (add('images', file_name='x.png'), 'duplicate image id', '4 is 4.png and x.png'),
    (add('images', id=9), 'duplicate file', '4.png is image 4 and 9'),
    (
        change('categories', 1, 'name', to=' '),
        'category entry',
        "entry 1 of categories: name is ' '; it must be a text",
    ),
    (add('categories', name='pig'), 'duplicate category', "id 3 is 'cow' and 'pig'"),
    (add('categories', id=4), 'duplicate category', "'cow' is 3 and 4"),
    (change('annotations', 0, 'category_id'), 'no class', 'object 1 has category_id None'),
    (change('annotations', 0, 'category_id', to=7), 'no class', 'object 1 has category_id 7'),
    (change('annotations', 0, 'category_id', to=[1]), 'no class', 'object 1 has category_id [1]'),
    (change('annotations', 0, 'image_id', to=7), 'no image', 'object 1 has image_id 7'),
    (change('annotations', 0, 'image_id'), 'no image', 'object 1 has image_id None'),
    (add('annotations'), 'duplicate object id', '4, again in entry 4 of annotations'),
    (change('annotations', 0, 'id'), 'duplicate object id', 'entry 0 of annotations has the id None'),
    (change('annotations', 0, 'bbox'), 'no box', 'object 1 of image 1 has bbox None'),
    (change('annotations', 0, 'bbox', to=[1, 2, 3]), 'no box', 'object 1 of image 1 has bbox [1, 2, 3]'),
    (change('annotations', 0, 'bbox', to=[1, 2, 0, 3]), 'no box', 'object 1 of image 1 has bbox [1, 2, 0, 3]'),
    (change('annotations', 0, 'bbox', to=['1', 2, 3, 4]), 'no box', "object 1 of image 1 has bbox ['1', 2, 3, 4]"),
    (
        change('annotations', 0, 'bbox', to=[10, 10, 20, float('nan')]),
        'no box',
        'object 1 of image 1 has bbox [10, 10, 20, nan]',
    ),
    (
        change('annotations', 2, 'bbox', to=[0, 0, 101.5, 80]),
        'box outside',
        'object 3 of image 2 has [0, 0, 101.5, 80] in 100x80',
    ),
    (
        change('annotations', 0, 'bbox', to=[100, 10, 0.5, 5]),
        'box outside',
        'object 1 of image 1 has [100, 10, 0.5, 5] in 100x80',
    ),
    (change('annotations', 0, 'area', to=0), 'no area', 'object 1 of image 1 has area 0'),
    (change('annotations', 0, 'area'), 'no area', 'object 1 of image 1 has area None'),
    (change('annotations', 0, 'segmentation'), 'no mask', 'object 1 of image 1: no size and counts in it, '),
    (change('annotations', 0, 'segmentation', to=[]), 'no mask', 'object 1 of image 1: no polygon in it'),
    (change('annotations', 0, 'segmentation', to=[[1, 2, 3, 4]]), 'no mask', 'object 1 of image 1: a polygon has 4 '),
    (
        change('annotations', 0, 'segmentation', to=[[1, 2, 3, 4, 5, 6, 7]]),
        'no mask',
        'object 1 of image 1: a polygon has',
    ),
    (
        change('annotations', 0, 'segmentation', to=[['1'] * 6]),
        'no mask',
        'object 1 of image 1: a polygon has something',
    ),
    (
        change('annotations', 0, 'segmentation', to=[[5, 1, 5, 2, 5, 3]]),
        'no mask',
        'object 1 of image 1: the polygons have no width or no height',
    ),
    (
        change('annotations', 0, 'segmentation', to={'size': [80, 100], 'counts': [8000]}),
        'no mask',
        'object 1 of image 1: run lengths have no pixel of the object',
    ),
    (
        change('annotations', 0, 'segmentation', to={'size': [100, 80], 'counts': [0, 8000]}),
        'no mask',
        'object 1 of image 1: run lengths are of 80x100 pixels, the image has 100x80',
    ),
    (
        change('annotations', 0, 'bbox', to=[10.5, 10, 0.5, 30]),
        'small box',
        'object 1 of image 1 has [10.5, 10, 0.5, 30]',
    ),
    (
        change('annotations', 0, 'segmentation', to=NUMBERS),
        'mask off its box',
        'object 1 of image 1 has [10, 10, 20, 30], its mask ends at [0, 0, 100, 80]',
    ),
    (
        lambda content: [
            change('categories', 2, 'id', to=90)(content),
            change('annotations', 3, 'category_id', to=90)(content),
        ],
        'gaps in category ids',
        '3 ids from 1 to 90, the first gap between 2 and 90',
    ),
    (add('categories', id=4, name='pig'), 'class without objects', "'pig'"),
]


@pytest.mark.parametrize(('apply', 'rule', 'case'), FAULTS, ids=lambda value: value if isinstance(value, str) else '')
def test_a_fault_is_named_with_its_rule_and_a_remedy(check, apply, rule, case):
    content = sound()
    apply(content)
    status, printed, found = check(train=content)
    assert status == (0 if RULES[rule].is_warning else 1)
    cases = [text for finding in found['findings'] if finding['rule'] == rule for text in finding['cases']]
    assert [text.startswith(case) for text in cases] == [True]
    word = 'warning' if RULES[rule].is_warning else 'wrong'
    lines = [line for line in printed.err.splitlines() if line.startswith(f'{word}: train: {rule}: {case}')]
    assert len(lines) == 1
    assert lines[0].endswith(f'{RULES[rule].text}.')


@pytest.mark.parametrize(
    ('apply', 'case'),
    [
        (change('images', 0, 'neg_category_ids'), 'image 1 has neg_category_ids None'),
        (change('images', 0, 'not_exhaustive_category_ids', to=['1']), "image 1 has not_exhaustive_category_ids ['1']"),
        (change('images', 0, 'coco_url'), 'image 1 has coco_url None'),
        (change('images', 0, 'neg_category_ids', to=[7]), 'image 1 has 7 in neg_category_ids, which is no category'),
        (change('images', 1, 'neg_category_ids', to=[2]), "image 2 has 'dog' in neg_category_ids and 1 such objects"),
        (change('categories', 0, 'frequency', to='often'), "category 'cat' has frequency 'often'"),
    ],
)
def test_what_a_file_as_of_lvis_lacks_or_contradicts_is_wrong(check, apply, case):
    content = as_lvis(sound())
    assert check(train=content)[0] == 0
    apply(content)
    status, printed, found = check(train=content)
    assert status == 1
    assert found['kinds'] == {'federated': 1}
    assert f'wrong: train: federated: {case}. In a file as of LVIS' in printed.err


def test_a_class_that_is_both_negative_and_not_exhaustive_is_wrong(check):
    content = as_lvis(sound())
    content['images'][3] |= {'neg_category_ids': [1], 'not_exhaustive_category_ids': [1]}
    status, printed, _ = check(val=content)
    assert status == 1
    assert "image 4 has 'cat' in neg_category_ids and in not_exhaustive_category_ids" in printed.err


def test_counts_that_are_not_those_of_training_are_a_warning(check):
    content = as_lvis(sound())
    content['categories'][1]['instance_count'] = 9
    status, printed, _ = check(train=content)
    assert status == 0
    assert "counts: category 'dog' has instance_count 9, there are 2." in printed.err
    assert 'counts' not in check(val=content)[1].err  # those of a training that is not here


def test_parts_are_compared(check):
    train, val = sound(), sound()
    for image in val['images']:
        image['file_name'] = 'val/' + image['file_name']
    assert check(train=train, val=val)[0] == 0
    del val['annotations'][3]
    status, printed, _ = check(train=train, val=val)
    assert status == 0
    assert "warning: val: class without objects: 'cow'. What is not in train cannot be learnt" in printed.err
    val['categories'][2]['name'] = 'pig'
    val['images'][1]['file_name'] = '3.png'
    status, printed, found = check(train=train, val=val)
    assert status == 1
    assert found['kinds'] == {'categories differ': 1, 'picture in two parts': 1}
    assert "wrong: train and val: categories differ: id 3 is 'cow' and 'pig'" in printed.err
    assert 'wrong: train and val: picture in two parts: 3.png. What is trained on' in printed.err


def test_crowds_and_files_without_masks_are_let_pass(check):
    content = sound()
    content['annotations'][0] |= {'iscrowd': 1, 'segmentation': NUMBERS}
    status, printed, found = check(train=content)
    assert status == 0
    assert found['parts'][0]['objects'] == 3
    assert 'mask' not in printed.err
    for entry in content['annotations']:
        del entry['segmentation']
    assert check(train=content)[0] == 0


def test_many_cases_are_one_line_with_the_first_of_them(check):
    content = sound()
    for number in range(5, 25):
        content['annotations'].append(dict(content['annotations'][0], id=number, bbox=[90, 10, 20, 30]))
    _, printed, found = check(train=content)
    (line,) = [line for line in printed.err.splitlines() if 'box outside' in line]
    assert line.startswith('wrong: train: box outside (20 times): object 5 of image 1 has [90, 10, 20, 30] in 100x80; ')
    assert 'and 15 more' in line
    (finding,) = [finding for finding in found['findings'] if finding['rule'] == 'box outside']
    assert len(finding['cases']) == 20


def test_pictures_are_looked_for_decoded_and_measured(check, tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    for folder in (first, second):
        folder.mkdir()
    whole = cv2.imencode('.png', np.zeros((80, 100, 3), np.uint8))[1].tobytes()
    (first / '1.png').write_bytes(whole)
    (second / '2.png').write_bytes(whole[:-20])
    (second / '3.png').write_bytes(cv2.imencode('.png', np.zeros((100, 80), np.uint8))[1].tobytes())
    status, printed, found = check('--images', first, second, train=sound())
    assert status == 1
    assert found['kinds'] == {'damaged picture': 1, 'picture size': 1, 'missing picture': 1}
    assert 'damaged picture: 2.png is cut off. Training would stop' in printed.err
    assert 'picture size: 3.png is 80x100, annotated as 100x80.' in printed.err
    assert 'missing picture: 4.png. Name with --images' in printed.err
    for name in ('2.png', '3.png', '4.png'):
        (first / name).write_bytes(whole)
    assert check('--images', first, second, train=sound())[0] == 0


def test_what_cannot_be_checked_ends_with_two(check, tmp_path, capsys):
    for content in ('{', '[]', '{"images": 3}'):
        status, printed, found = check(train=content)
        assert (status, found) == (2, None)
        assert 'check_objects: ' in printed.err
    assert check('--images', tmp_path / 'none', train=sound())[0] == 2
    assert check_objects.main(['--val', str(tmp_path / 'none.json')]) == 2
    assert 'none.json: name a JSON file of COCO or LVIS' in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        check_objects.main([])
    assert stopped.value.code == 2


def test_ctrl_c_ends_with_130(check, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check_objects, 'check_objects', stop)
    assert check(train=sound())[0] == 130
