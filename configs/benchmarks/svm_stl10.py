# Linear SVMs on frozen features, STL-10.
_base_ = './knn_stl10.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(
    _delete_=True, type='mmdcl.SVMTestLoop', costs=(0.01, 0.1, 1.0, 10.0)
)
