# Test images rank the training images by cosine, CIFAR-10.
_base_ = './knn_cifar10.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.RetrievalTestLoop', gallery='train')
