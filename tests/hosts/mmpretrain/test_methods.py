"""Runs of the plan of real pictures, over one epoch of a few images that are made up."""

import pytest

from tests.support.image_files import write_idx_folder

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore:.pin_memory. argument is set as true'),
]


def test_arms_of_the_plan_train_and_are_tested(tmp_path, monkeypatch):
    import mmpretrain.models  # noqa: F401

    from benchmarks.methods.data import make_place
    from benchmarks.methods.fashion import draws
    from benchmarks.methods.fashion.plan import FASHION
    from benchmarks.methods.run_config import Run
    from benchmarks.methods.training import play

    write_idx_folder(tmp_path / 'source', train=60, test=3)
    monkeypatch.setattr(draws, 'SOURCE', tmp_path / 'source')
    monkeypatch.setattr(draws, 'LARGEST', 40)
    place = make_place('fashion', 80, tmp_path)
    short = {'train_cfg.max_epochs': 2}
    found = {}
    for name in ('bs_cdba', 'cdbs', 'ldam_drw', 'bs_all_cross_fit', 'bs_bias'):
        arm = FASHION.arms[name]
        found[name] = play(Run(arm.method, 80, place, {**arm.setting_on('fashion'), **short}), tmp_path)
        assert found[name]['num_clips'] == [3] * 10
        assert 0 <= found[name]['metrics']['mean1'] <= 1
    assert max(found['bs_cdba']['train_counts']) == 40
    assert max(found['bs_all_cross_fit']['train_counts']) == 55
    assert found['bs_cdba']['difficulty'] is not None
    assert len(found['bs_bias']['chosen']) == 10
