"""Frame k from the PyAV backend is frame k from the decord backend, on EGTEA-mini and on real clips.

decord converts to RGB in swscale's quick way: each colour sample serves four pixels, and what comes out is 0.8 to
1.6 levels darker, for it is rounded down at every step. PyAV's frames stay in their colour planes, are
expanded exactly, and the JPEG decoder interpolates their colours. JPEG at quality 90 adds its rounding, twice.
Measured: 1.0 to 2.0 levels on average, 2.2 in the worst frame. The next frame of a moving picture is 3 levels and
more away, and with the same conversion the difference is none at all.
"""

import av  # noqa: F401 - before decord: where that is loaded first, PyAV's libvpx encodes nothing any more
import pytest

pytest.importorskip('decord')
from benchmarks.reading import backend_equality as backends

pytestmark = pytest.mark.slow

LONG = ('demo.mp4', 'test.mp4', 'test.avi')
# In levels of 255: on average over a clip, and in its worst frame.
MEAN, WORST = 2.2, 2.6


def check(path):
    for options in (backends.EXTRACTED, backends.UNTOUCHED):
        equality = backends.compare_backends(path, options)
        assert equality.frames[0] == equality.frames[1] > 0
        assert equality.mean < MEAN
        assert equality.worst < WORST
        assert equality.moving > equality.frames[0] / 2, 'a clip that stands still shows nothing'
        assert equality.wrong_index == 0
    # Another build of either library may round otherwise, by a level for each of the steps.
    assert backends.same_conversion(path) <= 2


def test_the_clips_of_egtea_mini_are_the_same_to_both(tmp_path):
    for path in backends.make_mini_clips(tmp_path / 'mini', 3, seed=0):
        check(path)


@pytest.mark.parametrize('name', ['part_0.mp4', *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def test_a_real_clip_is_the_same_to_both(shared_folder, name):
    path = shared_folder / 'videos' / name
    if not path.is_file():
        pytest.skip(f'needs {name}')
    check(path)


def test_a_shift_by_one_frame_would_be_noticed(tmp_path, monkeypatch):
    (path,) = backends.make_mini_clips(tmp_path / 'mini', 1, seed=0)
    extracted = backends._extracted

    def shifted(path, options, backend):
        frames = list(extracted(path, options, backend))
        return frames if backend == 'pyav' else [frames[0], *frames[:-1]]

    monkeypatch.setattr(backends, '_extracted', shifted)
    equality = backends.compare_backends(path, backends.EXTRACTED)
    assert equality.worst > WORST
    assert equality.wrong_index > equality.frames[0] / 2
