import json
import math

import pytest

from napari_qualify.errors import UsageError
from napari_qualify.segment.augment import Augmentation
from napari_qualify.segment.train_settings import TrainPoint, TrainSettings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"loss": "huber"}, "no loss 'huber'"),
        ({"patch": 100}, "patch is 100; give a multiple of 32"),
        ({"patch": 32}, "patch is 32"),
        ({"minutes": 0.0}, "minutes is 0.0"),
        ({"minutes": math.nan}, "minutes is nan"),
        ({"batch": 0}, "batch is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"every": 0}, "every is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"steps": 0}, "steps is 0; give 1 or more"),
    ],
)
def test_settings_out_of_bounds(setting, message):
    with pytest.raises(UsageError, match=message):
        TrainSettings(**setting)


def test_settings_and_points_survive_json():
    settings = TrainSettings(steps=7, seed=3, augmentation=Augmentation(zoom=1.2, turn="upright"))
    record = json.loads(json.dumps(vars(settings), default=vars))
    assert TrainSettings.from_record(record) == settings
    point = TrainPoint(3, 1.5, 0.25, 0.5, {"matrix": 0.5})
    assert TrainPoint.from_record(json.loads(json.dumps(point.record()))) == point
    # A model folder writes null for NaN.
    assert math.isnan(TrainPoint.from_record(point.record() | {"loss": None}).loss)
