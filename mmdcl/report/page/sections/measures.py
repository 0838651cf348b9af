"""What is measured without labels: names, what they say, whose they are."""

# Of features and projections: key, name, what it says, source.
MEASURES = (
    (
        'rank_me',
        'RankMe',
        'directions that are used, of the singular values; collapse is 1',
        'Garrido et al., ICML 2023',
    ),
    (
        'effective_rank',
        'effective rank',
        'directions that are used, of the covariance',
        'Roy & Vetterli, EUSIPCO 2007',
    ),
    (
        'lidar',
        'LiDAR',
        'directions that tell images apart beside their views; compare with '
        'itself only',
        'Thilak et al., ICLR 2024',
    ),
    (
        'alpha_req',
        'alpha-ReQ',
        'how steeply the spectrum falls; near 1 is good, larger is nearer to '
        'collapse',
        'Agrawal et al., NeurIPS 2022',
    ),
    (
        'alignment',
        'alignment',
        'squared distance of two views of an image, 0 to 4; the lower, the '
        'closer',
        'Wang & Isola, ICML 2020',
    ),
    (
        'uniformity',
        'uniformity',
        'how evenly the sphere is covered, -8 to 0; the lower, the more',
        'Wang & Isola, ICML 2020',
    ),
    (
        'spread',
        'spread',
        'standard deviation as a share of that on a sphere; 0 is collapse, '
        'near 1 is good',
        'Chen & He, CVPR 2021',
    ),
)
# Of a run: key, name, factor, unit, what it says, source.
SINGLE = (
    (
        'coupling/q_p10',
        'q, 10th percentile',
        1,
        '',
        'what InfoNCE multiplies the gradient of an anchor by; a tenth of '
        'the anchors have less',
        'Yeh et al., ECCV 2022',
    ),
    (
        'coupling/q_p50',
        'q, median',
        1,
        '',
        'near 1 InfoNCE and DCL are the same; below 0.1 InfoNCE starves',
        'Yeh et al., ECCV 2022',
    ),
    (
        'coupling/q_p90',
        'q, 90th percentile',
        1,
        '',
        'a tenth of the anchors have more',
        'Yeh et al., ECCV 2022',
    ),
    (
        'coupling/negative_weights',
        'negative DCLW weights',
        100,
        '%',
        'share of positives that repel for a step',
        'Yeh et al., ECCV 2022',
    ),
    (
        'training/gradient_norm',
        'gradient norm',
        1,
        '',
        'length of the gradient; a sudden rise precedes NaN',
        '',
    ),
    (
        'training/data_wait',
        'waiting for data',
        100,
        '%',
        'share of a step; over 10 %, more workers or --fast',
        '',
    ),
)
