# What every pretraining run of mmdcl refuses, reports and averages. Goes
# beside mmpretrain::_base_/default_runtime.py.
custom_hooks = [
    dict(type='mmdcl.WorkDirHook'),
    dict(type='mmdcl.ResumeHook'),
    dict(type='mmdcl.DataCheckHook'),
    dict(type='mmdcl.SizesHook'),
    dict(type='mmdcl.InvalidLossHook'),
    dict(type='mmdcl.CheckpointMatchHook'),
    dict(type='mmdcl.HeartbeatHook'),
    dict(type='mmdcl.InterruptHook'),
    dict(type='mmdcl.QualityHook'),
    dict(type='mmdcl.VerdictHook'),
    dict(type='mmdcl.ProgressHook'),
]
# Average the diagnostics over the log window, as losses are.
log_processor = dict(
    mean_pattern=r'.*(loss|time|data_time|grad_norm|cosine|multiplier|'
    r'neighbor|match|same_image).*'
)
