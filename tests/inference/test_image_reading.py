"""Images read by a test pipeline, with steps that stand in for those of mmpretrain."""

import cv2
import numpy as np
import pytest

from cdb_video.inference.image_reading import ImagePipeline
from cdb_video.inference.inputs import PICTURES, find_inputs
from cdb_video_files.video.errors import ClipError


class LoadImageFromFile:
    def __call__(self, sample):
        image = cv2.imread(sample['img_path'])
        assert image is not None, f'failed to load image: {sample["img_path"]}'
        return sample | {'img': image}


def pack(sample):
    return {'inputs': sample['img'], 'path': sample['img_path']}


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8))
    return str(path)


def test_the_loader_of_the_pipeline_reads_an_image_or_else_it_is_read_as_an_archive_keeps_its_own(image):
    bgr = cv2.imread(image)
    read = ImagePipeline([LoadImageFromFile(), pack]).read(image)
    assert (read.packed['inputs'] == bgr).all()
    assert not read.is_short
    assert (ImagePipeline([pack]).read(image).packed['inputs'] == bgr[..., ::-1]).all()
    grey = ImagePipeline([pack], channels=1).read(image).packed['inputs']
    assert (grey == cv2.imread(image, cv2.IMREAD_GRAYSCALE)).all()


@pytest.mark.parametrize('steps', [[LoadImageFromFile(), pack], [pack]], ids=['file', 'archive'])
@pytest.mark.parametrize(
    ('content', 'said'),
    [(b'', 'the file is empty'), (b'no image', 'is damaged, or no image|is no picture'), (None, 'no such file')],
)
def test_what_is_no_image_is_said_with_its_name(tmp_path, steps, content, said):
    path = tmp_path / 'b.png'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClipError, match=said) as caught:
        ImagePipeline(steps).read(str(path))
    assert str(path) in str(caught.value)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ClipError, match='cannot be read'):
        ImagePipeline([pack]).read(str(tmp_path))


def test_faults_of_other_steps_and_pipelines_without_inputs_are_not_blamed_on_the_file(image):
    def fails(sample):
        raise RuntimeError('of the step')

    with pytest.raises(RuntimeError, match='of the step'):
        ImagePipeline([LoadImageFromFile(), fails]).read(image)
    with pytest.raises(ValueError, match='it must end with PackInputs'):
        ImagePipeline([LoadImageFromFile()]).read(image)
    with pytest.raises(ValueError, match='windows are of videos'):
        ImagePipeline([]).windows(image, 1.0, 1.0)


def test_images_are_found_in_folders_and_lists(image, tmp_path):
    (tmp_path / 'clip.mp4').touch()
    found = find_inputs([tmp_path], kind=PICTURES)
    assert found.paths == (image,)
    assert '1 of .mp4' in found.notes[0]
    (tmp_path / 'list.txt').write_text('a.png 3\n')
    assert find_inputs([tmp_path / 'list.txt'], kind=PICTURES).labels == {image: 3}
    with pytest.raises(FileNotFoundError, match='name an image, a folder of images'):
        find_inputs([tmp_path / 'gone.png'], kind=PICTURES)
