"""Class difficulty: the vector, what it is made from and what is made from it.

The departures from the papers are listed in :mod:`cdb_video.difficulty.formulas`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.checks import DYNAMIC_TAUS as DYNAMIC_TAUS
    from cdb_video.checks import check_flags as check_flags
    from cdb_video.checks import check_frequency_power as check_frequency_power
    from cdb_video.checks import check_smoothing as check_smoothing
    from cdb_video.checks import check_tau as check_tau
    from cdb_video.difficulty.accumulated import accumulated_weights as accumulated_weights
    from cdb_video.difficulty.formulas import TAU_EPS as TAU_EPS
    from cdb_video.difficulty.formulas import FloatVector as FloatVector
    from cdb_video.difficulty.formulas import IntVector as IntVector
    from cdb_video.difficulty.formulas import Tau as Tau
    from cdb_video.difficulty.formulas import allocate_draws as allocate_draws
    from cdb_video.difficulty.formulas import class_accuracy as class_accuracy
    from cdb_video.difficulty.formulas import class_difficulty as class_difficulty
    from cdb_video.difficulty.formulas import class_mass as class_mass
    from cdb_video.difficulty.formulas import class_probability as class_probability
    from cdb_video.difficulty.formulas import class_weights as class_weights
    from cdb_video.difficulty.formulas import resolve_tau as resolve_tau
    from cdb_video.difficulty.tracking.tracker import DifficultyTracker as DifficultyTracker
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'checks': ['DYNAMIC_TAUS', 'check_flags', 'check_frequency_power', 'check_smoothing', 'check_tau'],
            'difficulty.accumulated': ['accumulated_weights'],
            'difficulty.formulas': [
                'TAU_EPS',
                'FloatVector',
                'IntVector',
                'Tau',
                'allocate_draws',
                'class_accuracy',
                'class_difficulty',
                'class_mass',
                'class_probability',
                'class_weights',
                'resolve_tau',
            ],
            'difficulty.tracking.tracker': ['DifficultyTracker'],
        },
    )
