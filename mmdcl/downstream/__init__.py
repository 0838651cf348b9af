"""A pretrained backbone into a classifier, a detector or a segmentor."""
