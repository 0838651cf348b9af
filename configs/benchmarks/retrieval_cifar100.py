# Test images rank the training images by cosine, CIFAR-100.
_base_ = './knn_cifar100.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.RetrievalTestLoop', gallery='train')
