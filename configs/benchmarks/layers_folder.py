# A linear probe of each layer of the frozen network, folders of classes.
_base_ = './knn_folder.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.LayersTestLoop')
