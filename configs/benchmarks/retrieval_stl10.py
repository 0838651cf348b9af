# Test images rank the training images by cosine, STL-10.
_base_ = './knn_stl10.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.RetrievalTestLoop', gallery='train')
