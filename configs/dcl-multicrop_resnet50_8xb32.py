# SimCLR with multi-crop and the decoupled contrastive loss: two views of
# 224 px and six of 96 px, in the sizes and areas of SwAV (arXiv 2006.09882).
_base_ = './dcl_resnet50_8xb32.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            dict(
                type='MultiView',
                num_views=[2, 6],
                transforms=[
                    [
                        dict(
                            _base_.view_pipeline[0],
                            scale=scale,
                            crop_ratio_range=areas,
                        ),
                        *_base_.view_pipeline[1:],
                    ]
                    for scale, areas in (
                        (224, (0.14, 1.0)),
                        (96, (0.05, 0.14)),
                    )
                ],
            ),
            dict(type='PackInputs'),
        ],
    ),
)
