"""Pipelines of an evaluation that give objects of another size than the detections have."""

from types import SimpleNamespace

import pytest

from cdb_video.hosts.mmdet import HOST
from cdb_video.hosts.mmdet.refusals import refuse_resized_objects


def dataset_of(*names):
    """A dataset whose pipeline has transforms of these names."""
    steps = [type(name, (), {})() for name in names]
    return SimpleNamespace(pipeline=SimpleNamespace(transforms=steps))


@pytest.mark.parametrize('resizing', ['Resize', 'FixScaleResize', 'RandomChoiceResize'])
def test_objects_that_are_resized_with_their_image_are_refused(resizing):
    wrong = dataset_of('LoadImageFromFile', 'LoadAnnotations', resizing, 'PackDetInputs')
    message = f'{resizing} stands behind LoadAnnotations in the pipeline of the evaluated SimpleNamespace'
    for dataset in (wrong, SimpleNamespace(dataset=wrong), SimpleNamespace(datasets=[dataset_of(), wrong])):
        with pytest.raises(ValueError, match=message):
            refuse_resized_objects(dataset)


@pytest.mark.parametrize(
    'names',
    [
        ('LoadImageFromFile', 'Resize', 'LoadAnnotations', 'PackDetInputs'),
        ('LoadImageFromFile', 'Resize', 'PackDetInputs'),
        ('LoadImageFromFile', 'LoadAnnotations', 'PackDetInputs'),
        (),
    ],
)
def test_other_pipelines_are_taken(names):
    refuse_resized_objects(dataset_of(*names))
    refuse_resized_objects(None)


def test_the_host_refuses_it_of_the_evaluated_set_alone():
    import mmdet.datasets  # noqa: F401  or none of the sets would be of mmdet

    wrong = dataset_of('LoadAnnotations', 'Resize')
    HOST.refuse(None, wrong, None)  # the usual pipeline of a training
    with pytest.raises(ValueError, match='Resize stands behind LoadAnnotations'):
        HOST.refuse(None, None, wrong)
