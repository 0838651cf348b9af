# DCL whose negatives are of other classes (NSCL), CIFAR-10 at CPU size.
_base_ = './dcl_slimr18_1xb32_cifar10.py'

model = dict(type='mmdcl.SupCon', positives='view')
