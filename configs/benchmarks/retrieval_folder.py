# Test images rank the training images by cosine, folders of classes.
_base_ = './knn_folder.py'

test_evaluator = []  # the loop's own metrics
test_cfg = dict(_delete_=True, type='mmdcl.RetrievalTestLoop', gallery='train')
