"""What frozen features are worth, without training a network.

:mod:`.loop` takes features of training and test images; linear machines
(:mod:`.svm`, :mod:`.low_shot`), probes of each layer (:mod:`.layers`) and
rankings (:mod:`.retrieval`) say what they are worth.
"""

from ..registry import LOOPS  # first: it says what to install
from .layers import LayersTestLoop
from .low_shot import LowShotTestLoop
from .retrieval import RetrievalTestLoop
from .svm import SVMTestLoop

__all__ = [
    'LOOPS',
    'LayersTestLoop',
    'LowShotTestLoop',
    'RetrievalTestLoop',
    'SVMTestLoop',
]
