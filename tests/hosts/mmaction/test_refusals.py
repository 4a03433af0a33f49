"""Pipelines and models of mmaction2 that do not fit each other, told before the first step."""

from types import SimpleNamespace

import pytest
from torch import nn

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.hosts.mmaction.refusals import refuse_mistaken_steps


@pytest.fixture
def host():
    """mmaction2's transforms and preprocessor."""
    from mmaction.datasets import transforms
    from mmaction.models.data_preprocessors import ActionDataPreprocessor

    return SimpleNamespace(transforms=transforms, preprocessor=ActionDataPreprocessor)


def model(host, **options):
    return nn.ModuleDict({'data_preprocessor': host.preprocessor(**options)})


def dataset(*steps):
    return SimpleNamespace(dataset=SimpleNamespace(pipeline=SimpleNamespace(transforms=list(steps))))


NORMALISED = {'mean': [128.0] * 3, 'std': [64.0] * 3}


def test_clips_in_another_order_than_they_are_normalised_in_are_refused(host):
    clips = dataset(host.transforms.FormatShape('NCTHW'))
    with pytest.raises(ValueError, match=r"format_shape='NCHW'.*input_format='NCTHW'.*dict\(format_shape='NCTHW'\)"):
        refuse_mistaken_steps(model(host, **NORMALISED), clips)


@pytest.mark.parametrize('options', [{}, {**NORMALISED, 'format_shape': 'NCTHW'}, {'mean': [128.0], 'std': [64.0]}])
def test_clips_that_are_normalised_as_they_come_or_not_at_all_pass(host, options):
    refuse_mistaken_steps(model(host, **options), dataset(host.transforms.FormatShape('NCTHW')))


def test_options_of_stock_datasets_are_checked_too(host):
    with pytest.raises(ValueError, match=r'RandomResizedCrop.*area_range=\(0.9, 0.1\)'):
        refuse_mistaken_steps(model(host), dataset(host.transforms.RandomResizedCrop(area_range=(0.9, 0.1))))


def test_run_without_a_validation_set_has_no_steps_to_check(host):
    refuse_mistaken_steps(model(host), None)
