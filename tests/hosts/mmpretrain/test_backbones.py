import pytest
import torch
from mmengine.registry import MODELS

import cdb_video


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def by_hand(depth, classes=10, base=16):
    """Convolutions of 3x3, two numbers a norm channel, and a linear layer: counted from the paper's table 6."""
    blocks = (depth - 2) // 6
    total = 3 * base * 9 + 2 * base
    before = base
    for channels in (base, 2 * base, 4 * base):
        for block in range(blocks):
            inner = before if block == 0 else channels
            total += (inner + channels) * channels * 9 + 4 * channels
        before = channels
    return total + 4 * base * classes + classes


@pytest.mark.parametrize(('depth', 'millions'), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)])
def test_the_networks_for_cifar_have_the_parameters_that_the_paper_states(depth, millions):
    network = MODELS.build({'type': 'CIFARResNet', 'depth': depth})
    with_classifier = count(network) + 64 * 10 + 10
    assert with_classifier == by_hand(depth)
    assert round(with_classifier / 1e6, 2) == millions


def test_features_are_a_quarter_of_the_image_and_gradients_reach_the_first_layer():
    network = MODELS.build({'type': 'CIFARResNet', 'depth': 8, 'in_channels': 1, 'base_channels': 4})
    network.init_weights()
    (features,) = network(torch.randn(2, 1, 28, 28))
    assert features.shape == (2, 16, 7, 7)
    features.sum().backward()
    assert network.conv1.weight.grad.abs().sum() > 0


def test_a_block_without_convolutions_is_its_shortcut():
    network = cdb_video.CIFARResNet(depth=8, base_channels=2)
    network.eval()
    for block in (network.layer1[0], network.layer2[0]):
        torch.nn.init.zeros_(block.bn2.weight)
    images = torch.rand(1, 2, 4, 4)
    torch.testing.assert_close(network.layer1[0](images), images)
    grown = network.layer2[0](images)
    torch.testing.assert_close(grown[:, 1:3], images[:, :, ::2, ::2])
    assert not grown[:, [0, 3]].any()


@pytest.mark.parametrize('options', [{'depth': 18}, {'depth': 2}, {'depth': 32, 'base_channels': 0}])
def test_a_network_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match=r'must be'):
        cdb_video.CIFARResNet(**options)


def test_resnet_10_has_one_basic_block_a_stage_and_the_parameters_of_its_table():
    network = MODELS.build({'type': 'ResNet10'})
    assert [len(getattr(network, f'layer{stage}')) for stage in (1, 2, 3, 4)] == [1, 1, 1, 1]
    # Of torchvision's ResNet-18, 11,689,512 with its classifier, without the second block of each stage.
    second_blocks = sum(2 * channels * channels * 9 + 4 * channels for channels in (64, 128, 256, 512))
    assert count(network) + 512 * 1000 + 1000 == 11_689_512 - second_blocks
    with pytest.raises(ValueError, match='has 10 layers'):
        cdb_video.ResNet10(depth=18)
