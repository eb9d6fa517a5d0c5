from __future__ import annotations

import torch
from torch import nn

from vnasdsl.train.batchnorm import recalibrate, statistics_frozen, statistics_restored


def model() -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm3d(2), nn.Dropout(0.5))


def test_recalibrated_statistics_are_the_plain_mean_over_batches() -> None:
    net = model()
    batches = [torch.randn(4, 2, 1, 3, 3) * scale + 2 for scale in (1.0, 3.0, 5.0)]
    net.train()
    recalibrate(net, batches)
    assert net.training and net[0].momentum == 0.1
    means = torch.stack([batch.mean((0, 2, 3, 4)) for batch in batches]).mean(0)
    variances = torch.stack([batch.transpose(0, 1).flatten(1).var(1) for batch in batches]).mean(0)
    assert torch.allclose(net[0].running_mean, means, atol=1e-6)
    assert torch.allclose(net[0].running_var, variances, rtol=1e-5)


def test_no_batch_keeps_the_statistics() -> None:
    net = model()
    net[0].running_mean.fill_(7)
    recalibrate(net, [])
    assert net[0].running_mean.tolist() == [7, 7]


def test_frozen_statistics_use_the_batch_and_record_nothing() -> None:
    net = model().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    clips = torch.randn(8, 2, 1, 3, 3) * 5 + 1
    with statistics_frozen(net):
        out = net[0](clips)
    assert torch.allclose(out.mean((0, 2, 3, 4)), torch.zeros(2), atol=1e-5)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    net[0](clips)
    assert net[0].num_batches_tracked == 1


def test_restored_statistics() -> None:
    net = model().train()
    with statistics_restored(net):
        net(torch.ones(2, 2, 1, 1, 1))
        assert net[0].num_batches_tracked == 1
    assert net[0].num_batches_tracked == 0 and net[0].running_mean.tolist() == [0, 0]
