# Test images rank the training images by cosine, ImageNet-1K.
_base_ = './knn_imagenet.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.RetrievalTestLoop', gallery='train')
