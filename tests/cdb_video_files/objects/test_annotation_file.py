"""Files of annotated objects: what is read, and what is said of others."""

import json

import pytest

from cdb_video_files.objects.annotation_file import read_object_annotations
from cdb_video_files.records import AnnotationError


def test_the_three_lists_are_read_as_they_are(tmp_path):
    path = tmp_path / 'some.json'
    content = {'images': [{'id': 1}], 'annotations': [], 'categories': [{'id': 3}, {'name': 'é'}], 'info': {}}
    path.write_text(json.dumps(content), encoding='utf-8-sig')
    found = read_object_annotations(path)
    assert (found.images, found.annotations, found.categories) == tuple(content.values())[:3]


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('', 'not JSON'),
        ('{"images": [', 'not JSON'),
        ('[' * 200_000, 'not JSON'),
        ('[]', 'no images, annotations and categories'),
        ('{"a": 1, "images": {}}', 'no list of images in it, but a, images'),
        ('{"images": [], "annotations": []}', 'no list of categories in it, but annotations, images'),
        ('{"images": [], "annotations": [{}, 7], "categories": []}', 'entry 1 of annotations is 7, no JSON object'),
    ],
)
def test_what_is_no_such_file_is_said_with_its_name(tmp_path, text, why):
    path = tmp_path / 'some.json'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=rf'some\.json: {why}.*Name a file'):
        read_object_annotations(path)


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'there is no file .*none\.json: name a JSON file of COCO or LVIS'):
        read_object_annotations(tmp_path / 'none.json')
    (tmp_path / 'some.json').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(AnnotationError, match='not JSON'):
        read_object_annotations(tmp_path / 'some.json')
