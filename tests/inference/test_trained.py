"""What a training leaves behind is all that prediction needs."""

import pytest

import cdb_video
from tests.integration.video_runs import CLASSES, video_runner, write_lists

pytestmark = pytest.mark.training


def test_a_training_leaves_all_that_prediction_needs(tmp_path, caplog):
    write_lists(tmp_path)
    best = {'type': 'EnduringCheckpointHook', 'interval': 1, 'save_best': 'acc/mean1', 'rule': 'greater'}
    runner = video_runner(
        tmp_path, tmp_path / 'run', default_hooks={'checkpoint': best}, val_dataloader={'batch_size': 8}
    )
    runner.train()
    model = cdb_video.load(tmp_path / 'run', device='cpu')
    assert model.class_names == CLASSES
    assert model.checkpoint.name.startswith('best_acc_mean1_epoch_')
    assert (model.reason, model.batch_size) == ('the best', 1)
    assert model.config == model.checkpoint
    assert 'differs from the config' not in caplog.text
    assert len(list(model.predict_all(sorted(tmp_path.glob('val_*.mp4'))))) == 8
