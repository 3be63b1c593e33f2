"""The network: passes sound through untrained, hears no future, and is the same in ONNX."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from enhancer.errors import UserError
from training.cli import app
from training.config import load_config
from training.export import export
from training.fingerprint import weights_sha256
from training.networks import BandRecurrentNet, NetworkConfig


@pytest.fixture(scope="module")
def network() -> BandRecurrentNet:
    """The shipped size with random weights in every layer."""
    torch.manual_seed(1)
    made = BandRecurrentNet(load_config("student").network).eval()
    torch.nn.init.normal_(made.to_mask.weight, 0, 0.1)
    return made


def inputs(frames: int, batch: int = 1, full_band: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    high = torch.rand(frames, batch, 17, generator=generator) if full_band else torch.zeros(frames, batch, 17)
    return torch.randn(frames, batch, 2, 256, generator=generator), high


def test_an_untrained_network_passes_speech_through():
    said = BandRecurrentNet(NetworkConfig(channels=4, trunk=8))(*inputs(5))
    assert not said.mask.any()


@torch.no_grad()
def test_a_student_hears_no_future(network):
    core, high = inputs(40)
    later = core.clone()
    later[25:] += 1.0
    assert torch.equal(network(core, high).mask[:25], network(later, high).mask[:25])


@torch.no_grad()
def test_a_bidirectional_teacher_does():
    teacher = BandRecurrentNet(NetworkConfig(channels=4, trunk=8, bidirectional=True))
    torch.nn.init.normal_(teacher.to_mask.weight)
    core, high = inputs(40)
    later = core.clone()
    later[25:] += 1.0
    assert not torch.equal(teacher(core, high).mask[:25], teacher(later, high).mask[:25])


@torch.no_grad()
def test_state_carries_over_from_one_call_to_the_next(network):
    core, high = inputs(60)
    whole = network(core, high)
    first = network(core[:23], high[:23])
    second = network(core[23:], high[23:], first.state)
    torch.testing.assert_close(torch.cat([first.mask, second.mask]), whole.mask, rtol=0, atol=1e-5)


@torch.no_grad()
def test_above_8_khz_no_more_passes_than_the_probability_of_speech_to_the_power_of_four(network):
    said = network(*inputs(40))
    assert (said.high_gain <= torch.sigmoid(said.presence).pow(4)[..., None]).all() and said.high_gain.max() > 0


def test_the_student_keeps_its_budget_and_the_teacher_is_ten_times_larger():
    student = BandRecurrentNet(load_config("shipped").network)
    teacher = BandRecurrentNet(load_config("teacher").network)
    assert student.macs_per_second() <= 350e6
    assert teacher.macs_per_second() >= 10 * student.macs_per_second()
    assert teacher.config.bidirectional
    assert not student.config.bidirectional


def test_macs_follow_from_the_weights(network):
    """Each weight of a linear or recurrent layer works once a frame, a convolution's once a position."""
    per_frame = sum(
        p.numel() * (64 if name.split(".")[0] in ("embed", "refine", "merge", "to_mask") else 1)
        for name, p in network.named_parameters()
        if "weight" in name
    )
    assert network.macs_per_second() == 100 * per_frame


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "student.onnx"
    export(network, path, "tested", {"git_revision": "none"})
    return path


@pytest.mark.parametrize("full_band", [False, True], ids=["16k", "48k"])
@torch.no_grad()
def test_onnx_equals_torch_frame_by_frame_with_carried_state(network, exported, full_band):
    frames, batch = 300, 2
    core, high = inputs(frames, batch, full_band)
    expected = network(core, high)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    width = network.config.trunk
    state = {f"state_{i}": np.zeros((1, batch, width), np.float32) for i in range(4)}
    said = []
    for t in range(frames):
        answer = dict(
            zip(names, session.run(None, {"core": core[t : t + 1].numpy(), "high": high[t : t + 1].numpy()} | state),
                strict=True)
        )  # fmt: skip
        state = {name: answer[f"{name}_out"] for name in state}
        said.append(answer)
    for name, value in (
        ("mask", expected.mask), ("high_gain", expected.high_gain), ("presence", expected.presence.sigmoid()),
    ):  # fmt: skip
        ours = np.concatenate([answer[name] for answer in said])
        np.testing.assert_allclose(ours, value.numpy(), atol=1e-5 * max(1.0, value.abs().max()), err_msg=name)


def test_the_exported_file_says_what_it_is_and_is_small(network, exported):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    card = json.loads(session.get_modelmeta().custom_metadata_map["enhancer"])
    assert card["format"] == 1
    assert card["weights_sha256"] == weights_sha256(onnx.load(exported))
    assert card["parameters"] == network.parameter_count()
    assert exported.stat().st_size <= 3_000_000


def test_a_teacher_is_not_exported(tmp_path):
    teacher = BandRecurrentNet(NetworkConfig(channels=4, trunk=8, bidirectional=True))
    with pytest.raises(UserError, match="cannot stream"):
        export(teacher, tmp_path / "teacher.onnx", "teacher", {})
    assert not list(tmp_path.iterdir())


def test_the_command_prints_what_networks_cost():
    printed = CliRunner().invoke(app, ["networks", "shipped", "teacher"]).output.splitlines()
    student, teacher = (next(line.split() for line in printed if line.split()[0] == n) for n in ("shipped", "teacher"))
    assert student[1:] == ["causal", "566,851", "70", "40", "2.27"]
    assert teacher[1] == "both"
    assert int(teacher[3]) >= 10 * int(student[3])
    assert teacher[4:] == ["-", "-"]
