# A linear probe of each layer of the frozen network, CIFAR-100.
_base_ = './knn_cifar100.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.LayersTestLoop')
