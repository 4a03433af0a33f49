"""Long-tailed images: class sizes beside the published ones, and which images go into which list."""

import numpy as np
import pytest
from prep.images import listed_images
from prep.images.cifar import read_cifar_source
from prep.images.division import Options, divide
from prep.images.listed_images import read_listed_images
from prep.images.source import ImagesError, Part, Source
from prep.long_tail.profiles import OrderError, class_order, class_sizes, largest_possible

from tests.support.image_files import cifar_files, write_tar


def source(*sizes, **parts):
    """A source with so many training images of each class."""
    found = {'train': sizes, **parts}
    labels = {part: np.repeat(np.arange(len(counts)), counts) for part, counts in found.items()}
    names = {part: [f'{part}/{index}.png' for index in range(len(own))] for part, own in labels.items()}
    return Source(
        'made', [f'c{label}' for label in range(len(sizes))], {part: Part(labels[part], names[part]) for part in found}
    )


def counts(made, division, name):
    labels = [made.parts[part].labels[index] for part, index in division.lists[name]]
    return np.bincount(labels, minlength=len(made.classes)).tolist()


def test_exponential_sizes_are_those_of_published_sets():
    # CIFAR-10-LT at 200, as published loaders print it; the totals of both sets at 100 are known as 12,406 and 10,847.
    assert class_sizes('exponential', 10, 5000, 200) == [5000, 2775, 1540, 854, 474, 263, 146, 81, 45, 25]
    assert sum(class_sizes('exponential', 10, 5000, 100)) == 12406
    # 2000 * 0.01 is a hair off 20 in floating point.
    assert class_sizes('exponential', 10, 2000, 100)[-1] == 20
    assert class_sizes('exponential', 3, 9, 1) == [9, 9, 9]
    assert class_sizes('exponential', 2, 5, 1000) == [5, 1]


def test_pareto_sizes_have_the_ends_of_imagenet_lt_and_nearly_its_number():
    sizes = class_sizes('pareto', 1000, 1280, 256)
    assert (sizes[0], sizes[-1]) == (1280, 5)
    assert sizes == sorted(sizes, reverse=True)
    assert abs(sum(sizes) / 115846 - 1) < 0.05
    # By hand: four classes have the quantiles 4^(1/6) - 1, 2^(1/6) - 1, (4/3)^(1/6) - 1 and 0.
    assert class_sizes('pareto', 4, 100, 10) == [100, 52, 27, 10]


@pytest.mark.parametrize('profile', ['exponential', 'pareto'])
def test_the_largest_possible_class_is_possible_and_one_more_is_not(profile):
    available = [900, 80, 300, 12]
    most = largest_possible(profile, available, 20)
    fits = [
        all(size <= have for size, have in zip(class_sizes(profile, 4, n, 20), available, strict=True))
        for n in range(1, 901)
    ]
    assert most == sum(fits) == fits.index(False)
    assert largest_possible(profile, [10, 10], 1) == 10


@pytest.fixture(scope='module')
def cifar100(tmp_path_factory):
    """As large as the real archive: 500 and 100 images of each of 100 classes."""
    path = tmp_path_factory.mktemp('cifar') / 'cifar-100-python.tar'
    return read_cifar_source(write_tar(path, cifar_files('cifar-100-python', 500, 100), 'cifar-100-python'))


@pytest.mark.parametrize(
    ('imbalance', 'total', 'smallest'), [(10, 19573, 50), (50, 12608, 10), (100, 10847, 5), (200, 9502, 2)]
)
def test_cifar_100_lt_has_the_published_counts(cifar100, imbalance, total, smallest):
    division = divide(cifar100, Options('exponential', (float(imbalance),)))
    found = counts(cifar100, division, f'train_imb{imbalance}')
    assert (sum(found), found[0], found[-1]) == (total, 500, smallest)
    assert counts(cifar100, division, 'test') == [100] * 100


def test_cifar_100_lt_with_25_images_a_class_held_out_first(cifar100):
    division = divide(cifar100, Options('exponential', (100.0,), val_per_class=25))
    found = counts(cifar100, division, 'train_imb100')
    assert found == class_sizes('exponential', 100, 475, 100)
    assert counts(cifar100, division, 'val') == [25] * 100
    assert not set(division.lists['val']) & set(division.lists['train_imb100'])


def test_imagenet_lt_lists_are_taken_whole_with_the_published_counts(tmp_path, monkeypatch):
    # The real sizes are not to be had here: as many images in as many classes, 1,280 to 5, in lists of the same form.
    sizes = np.array(class_sizes('pareto', 1000, 1280, 256))
    surplus = sizes.sum() - 115846
    sizes[1 : 1 + surplus % 100] -= 1
    sizes[1:101] -= surplus // 100
    labels = np.random.default_rng(0).permutation(1000)
    lists = {}
    for part, folder, own in (('train', 'train', sizes), ('val', 'train', [20] * 1000), ('test', 'val', [50] * 1000)):
        lists[part] = tmp_path / f'ImageNet_LT_{part}.txt'
        lines = [
            f'{folder}/n{label:08}/{part}_{k}.JPEG {label}'
            for label, n in zip(labels, own, strict=True)
            for k in range(n)
        ]
        lists[part].write_text('\n'.join(lines) + '\n')
    monkeypatch.setattr(listed_images, '_check_there', lambda *_: None)  # 185,846 files
    read = read_listed_images(tmp_path, lists, None)
    division = divide(read, Options('natural', ()))
    found = counts(read, division, 'train')
    assert (sum(found), max(found), min(found), len(found)) == (115846, 1280, 5, 1000)
    assert found[labels[0]] == 1280
    assert counts(read, division, 'val') == [20] * 1000
    assert counts(read, division, 'test') == [50] * 1000
    assert read.classes[7] == 'n00000007'


def test_parts_are_apart_and_a_stronger_imbalance_takes_a_part_of_a_weaker_one():
    made = source(60, 50, 55, 70)
    options = Options('exponential', (20.0, 4.0, 1.0), val_per_class=8, test_per_class=10, seed=3)
    lists = {name: set(chosen) for name, chosen in divide(made, options).lists.items()}
    assert lists['train_imb20'] < lists['train_imb4'] < lists['train_imb1']
    assert [len(lists[name]) for name in ('val', 'test')] == [32, 40]
    assert not lists['val'] & lists['test']
    assert not lists['train_imb1'] & (lists['val'] | lists['test'])
    # Held out as before, whatever the tail; other images with another seed.
    assert divide(made, Options('pareto', (2.0,), val_per_class=8, test_per_class=10, seed=3)).lists['val'] == sorted(
        lists['val']
    )
    assert divide(made, Options('pareto', (2.0,), val_per_class=8, seed=4)).lists['val'] != sorted(lists['val'])


def test_the_order_of_frequencies_is_drawn_and_leaves_the_images_that_are_held_out():
    made = source(*[40] * 6)
    plain, drawn = (divide(made, Options('exponential', (30.0,), val_per_class=5, order=s)) for s in (None, 2))
    assert plain.order == list(range(6))
    assert counts(made, plain, 'train_imb30') == class_sizes('exponential', 6, 35, 30)
    assert drawn.order == class_order(6, 2) != plain.order
    assert [counts(made, drawn, 'train_imb30')[label] for label in drawn.order] == class_sizes('exponential', 6, 35, 30)
    assert drawn.lists['val'] == plain.lists['val']
    assert len({tuple(class_order(6, seed)) for seed in range(10)}) > 5


def test_the_order_of_frequencies_can_be_named():
    made = source(40, 50, 60)
    division = divide(made, Options('exponential', (4.0,), largest=40, order=(1, 2, 0)))
    assert division.order == [1, 2, 0]
    assert counts(made, division, 'train_imb4') == [10, 40, 20]


@pytest.mark.parametrize('order', [(1, 0), (0, 1, 3), (0, 1, 1), (0, 1, 2, 3)])
def test_an_order_that_is_not_of_all_classes_is_refused(order):
    with pytest.raises(OrderError, match=f'--class-order {",".join(map(str, order))}: of the labels 0 to 2 each'):
        divide(source(40, 50, 60), Options('exponential', (4.0,), order=order))


def test_a_natural_share_is_held_out_of_the_long_tail():
    made = source(100, 100, 100)
    division = divide(made, Options('exponential', (25.0,), val_share=0.2))
    assert counts(made, division, 'val_imb25') == [20, 4, 1]
    assert counts(made, division, 'train_imb25') == [80, 16, 3]
    assert not set(division.lists['val_imb25']) & set(division.lists['train_imb25'])
    with pytest.raises(ImagesError, match=r"--val-share 0.2 leaves 1 classes .*'c2' has 1\. Give a smaller"):
        divide(made, Options('exponential', (100.0,), val_share=0.2))


def test_all_classes_that_are_too_small_are_named_with_what_they_have():
    made = source(30, 8, 9, 3)
    with pytest.raises(
        ImagesError,
        match=r"2 of 4 classes have fewer than the 9 .*'c1' has 8; 'c3' has 3\. .*--val-per-class N",
    ):
        divide(made, Options('natural', (), val_per_class=8))
    with pytest.raises(ImagesError, match=r"1 of 3 classes have fewer than the 1 .*'c1' has 0"):
        divide(source(3, 0, 2), Options('natural', ()))
    with pytest.raises(
        ImagesError,
        match=r"--largest 30 .* asks 3 classes .*'c1' is to have 23 and has 8; 'c2'.*Give --largest 7 or less",
    ):
        divide(made, Options('exponential', (2.0,), largest=30))
    assert divide(made, Options('exponential', (2.0,), largest=7))
    with pytest.raises(ImagesError, match='1 class: a long tail needs 2'):
        divide(source(5), Options('natural', ()))
