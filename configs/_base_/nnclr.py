# The predictor of NNCLR (arXiv 2104.14548), by the widths of its paper: two
# layers, the last with a bias and no normalisation. A config takes it out of
# its base, as it is a part of `model` and nothing by itself.
predictor = dict(
    type='NonLinearNeck',
    in_channels=256,
    hid_channels=4096,
    out_channels=256,
    num_layers=2,
    with_last_bn=False,
    with_last_bias=True,
    with_avg_pool=False,
)
