"""Grad-CAM on a network whose map can be had by hand, and beside captum's."""

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from xret.explain.gradcam import GradCAM


def test_on_a_linear_network_it_is_the_map_times_the_weights_of_the_head(pixels):
    # score = sum_c w_c mean(A_c): the mean gradient of channel c is w_c / (h w), so the map is sum_c w_c A_c / (h w)
    body, head = nn.Conv2d(3, 5, kernel_size=1, bias=False), torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])
    halved = nn.Sequential(nn.AvgPool2d(2), body)

    def score(p):
        return halved(p).mean(dim=(2, 3)) @ head

    expected = (halved(pixels[None])[0] * head[:, None, None]).sum(dim=0) / 16**2
    found = GradCAM()(score, halved, pixels)
    assert torch.allclose(nn.functional.avg_pool2d(found[None], 2)[0][2:-2, 2:-2], smoothed(expected), atol=1e-6)


def smoothed(heat):
    """What enlarging to twice the size, bilinear, and halving again make of a map: weights 1/8, 6/8, 1/8."""
    kernel = torch.tensor([1 / 8, 6 / 8, 1 / 8])
    return nn.functional.conv2d(heat[None, None], kernel.outer(kernel)[None, None])[0, 0][1:-1, 1:-1].detach()


def test_it_agrees_with_captum(tiny, pixels):
    encoder = tiny("cnn")
    layer = encoder.network.layer3  # on so small a picture layer4 has one place
    wanted = LayerGradCam(encoder.score, layer).attribute(pixels[None].requires_grad_())[0, 0]
    found = GradCAM()(encoder.score, encoder, pixels)
    whole = nn.functional.interpolate(wanted[None, None], size=32, mode="bilinear", align_corners=False)[0, 0]
    assert wanted.shape[0] > 0
    assert torch.allclose(found, whole.detach(), atol=1e-6)


def test_a_network_without_maps_is_refused(pixels):
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 1))
    with pytest.raises(ValueError, match="gives a map of places"):
        GradCAM()(lambda p: flat(p)[:, 0], flat, pixels)
