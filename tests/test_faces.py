"""Faces of packages: the names that they hand on, and what asking for one of them loads."""

import ast
import importlib
import subprocess
import sys

import pytest

FACES = ('difficulty', 'hooks', 'losses', 'metrics', 'report', 'samplers')
PROMISED = {
    'difficulty': """FloatVector IntVector Tau TAU_EPS DYNAMIC_TAUS class_accuracy class_difficulty resolve_tau
        class_weights class_mass class_probability allocate_draws check_tau check_frequency_power check_flags
        check_smoothing DifficultyTracker""",
    'hooks': 'ClassDifficultyHook',
    'losses': 'CDBLoss',
    'metrics': 'NOT_A_NUMBER ClassAccuracy ClassCounts',
    'report': 'class_rows format_summary format_table write_class_report',
    'samplers': 'ClassSampler CDBSampler',
}
"""Names that these had when each was a single module."""
LAZY = """
import sys
sys.modules['mmengine'] = None
import cdb_video.difficulty, cdb_video.losses, cdb_video.samplers, cdb_video.report, cdb_video.metrics, cdb_video.hooks
print([name for name in sys.modules if name.startswith('cdb_video.') and name.count('.') > 1])
cdb_video.difficulty.class_weights, cdb_video.difficulty.check_flags, cdb_video.report.format_table
from cdb_video.difficulty import history, schedule, tau
print('torch' in sys.modules)
"""


@pytest.mark.parametrize('name', FACES)
def test_a_face_hands_on_what_was_promised_and_nothing_that_is_not_there(name):
    face = importlib.import_module(f'cdb_video.{name}')
    assert set(PROMISED[name].split()) <= set(face.__all__)
    assert all(getattr(face, own) is not None for own in face.__all__)
    assert set(face.__all__) <= set(dir(face))
    with pytest.raises(AttributeError, match=f"module 'cdb_video.{name}' has no attribute 'nonsense'"):
        _ = face.nonsense


@pytest.mark.parametrize('name', FACES)
def test_type_checkers_see_the_same_names_from_the_same_modules(name, repository):
    face = importlib.import_module(f'cdb_video.{name}')
    tree = ast.parse((repository / 'cdb_video' / name / '__init__.py').read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in checked.body for alias in node.names if alias.name == alias.asname}
    assert sorted(seen) == face.__all__
    for own, module in seen.items():
        assert getattr(face, own) is getattr(importlib.import_module(module), own)


def test_a_face_loads_nothing_before_it_is_asked_and_then_no_more_than_that(repository):
    done = subprocess.run([sys.executable, '-c', LAZY], cwd=repository, capture_output=True, text=True, check=False)
    loaded, has_torch = done.stdout.splitlines()
    # The face of the package reads the list of hosts, which needs the names of types.
    assert set(ast.literal_eval(loaded)) <= {
        'cdb_video.difficulty.formulas',
        'cdb_video.difficulty.vectors',
        'cdb_video.hosts.host',
        'cdb_video.hosts.mmengine',
        'cdb_video.hosts.mmaction',
        'cdb_video.hosts.mmpretrain',
        'cdb_video.hosts.mmdet',
    }, done.stderr
    assert has_torch == 'False'
