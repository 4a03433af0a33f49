"""mmaction2's own ways to look at one video, with transforms of ours in the config."""

import subprocess
import sys

import numpy as np
import pytest

import cdb_video
from cdb_video.hosts.mmaction import mends
from tests.support.clips import write_clip
from tests.support.work_dirs import FUSED, make_work_dir, pipeline

LATE = """
import sys
from mmaction.apis import inference_recognizer, init_recognizer
from mmaction.apis.inferencers import MMAction2Inferencer
assert 'cdb_video' not in sys.modules
config, checkpoint, video = sys.argv[1:]
model = init_recognizer(config, checkpoint, device='cpu')  # reads the config, which imports cdb_video
print(inference_recognizer(model, video).pred_score.tolist())
inferencer = MMAction2Inferencer(rec=config, rec_weights=checkpoint, device='cpu')
print(inferencer(video)['predictions'][0]['rec_scores'][0])
"""
WAYS = {
    'packs': {'start': [], 'decoder': 'PackDecode'},
    'videos': {},
    'many views': {'num_clips': 3, 'fused': FUSED[:1], 'behind': [{'type': 'ThreeCrop', 'crop_size': 32}]},
}


@pytest.fixture
def video(tmp_path):
    return str(write_clip(tmp_path / 'clip.mp4', frames=14))


def scores(prediction):
    return [one.score for one in sorted(prediction.ranked, key=lambda one: one.label)]


def inferred(folder, given, **options):
    from mmaction.apis.inferencers import MMAction2Inferencer

    inferencer = MMAction2Inferencer(
        rec=str(folder / 'toy.py'), rec_weights=str(folder / 'best_acc_mean1_epoch_2.pth'), device='cpu', **options
    )
    return inferencer(given)['predictions'][0]['rec_scores'][0]


@pytest.mark.parametrize('way', WAYS)
def test_the_inferencer_shows_the_network_what_it_was_trained_on(tmp_path, video, way):
    folder = make_work_dir(tmp_path / 'run', pipeline(**WAYS[way]))
    expected = scores(cdb_video.load(folder, device='cpu', views='single').predict(video))
    np.testing.assert_allclose(inferred(folder, video), expected, atol=1e-6)


@pytest.mark.parametrize('way', WAYS)
def test_the_recognizer_takes_the_views_of_the_test(tmp_path, video, way):
    from mmaction.apis import inference_recognizer, init_recognizer

    folder = make_work_dir(tmp_path / 'run', pipeline(**WAYS[way]))
    expected = scores(cdb_video.load(folder, device='cpu').predict(video))
    model = init_recognizer(str(folder / 'toy.py'), str(folder / 'best_acc_mean1_epoch_2.pth'), device='cpu')
    np.testing.assert_allclose(inference_recognizer(model, video).pred_score, expected, atol=1e-6)


def test_arrays_get_what_is_fused_too(tmp_path, video):
    import av

    folder = make_work_dir(tmp_path / 'run')
    with av.open(video) as container:
        frames = np.stack([frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)])
    expected = scores(cdb_video.load(folder, device='cpu').predict(video))
    # Frames are resized behind the conversion of colours, and converted in another way.
    np.testing.assert_allclose(inferred(folder, frames, input_format='array'), expected, atol=0.05)


def test_a_config_with_nothing_of_ours_is_left_to_the_host(tmp_path, video):
    from mmaction.apis.inferencers import actionrecog_inferencer

    theirs = actionrecog_inferencer.ActionRecogInferencer._init_pipeline
    stock = pipeline([{'type': 'DecordInit'}], 'DecordDecode', fused=(), behind=FUSED)
    folder = make_work_dir(tmp_path / 'run', stock)
    ours = inferred(folder, video)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actionrecog_inferencer.ActionRecogInferencer, '_init_pipeline', theirs.__wrapped__)
        assert inferred(folder, video) == ours


def test_the_mends_look_for_their_fault_and_mend_once(tmp_path, monkeypatch):
    from mmaction.apis import inference
    from mmaction.apis.inferencers import actionrecog_inferencer

    before = actionrecog_inferencer.ActionRecogInferencer._init_pipeline, inference.Compose
    assert mends.keep_fused_in_inferencer()
    assert mends.read_videos_in_inference()
    assert (actionrecog_inferencer.ActionRecogInferencer._init_pipeline, inference.Compose) == before
    monkeypatch.setattr(mends, '_mmaction_folder', lambda: tmp_path)
    assert not mends.keep_fused_in_inferencer()
    assert not mends.read_videos_in_inference()
    monkeypatch.setattr(mends, '_mmaction_folder', lambda: None)
    assert not mends.keep_fused_in_inferencer()


def test_who_imports_the_tools_first_and_the_plugin_with_the_config_has_the_mends_too(tmp_path, video, repository):
    folder = make_work_dir(tmp_path / 'run', pipeline(start=[], decoder='PackDecode'))
    words = [str(folder / 'toy.py'), str(folder / 'best_acc_mean1_epoch_2.pth'), video]
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', LATE, *words],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = scores(cdb_video.load(folder, device='cpu').predict(video))
    lines = [eval(line) for line in done.stdout.splitlines() if line.startswith('[') and '.' in line[:4]]
    assert len(lines) == 2, done.stdout
    for line in lines:
        np.testing.assert_allclose(line, expected, atol=1e-6)
