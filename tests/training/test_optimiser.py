"""Muon makes updates orthogonal; a run's optimiser is one thing to step, save and put back."""

import pytest
import torch

from enhancer.errors import ConfigError
from training.networks import BandRecurrentNet, NetworkConfig
from training.optimiser import Optimiser, OptimiserConfig, orthogonalised


@pytest.mark.parametrize("shape", [(64, 64), (256, 48), (48, 256)])
def test_an_orthogonalised_matrix_turns_and_does_not_stretch(shape):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(1)) * 7.0
    singular = torch.linalg.svdvals(orthogonalised(matrix))
    assert float(singular.quantile(0.05)) > 0.6  # a square matrix may be nearly singular in a direction or two
    assert float(singular.max()) < 1.3


def descend(optimiser: Optimiser, network: BandRecurrentNet, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for p in network.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        optimiser.step(1e-3)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_an_optimiser_put_back_goes_on_as_if_never_stopped(kind):
    config = OptimiserConfig(kind=kind)
    networks = [BandRecurrentNet(NetworkConfig(channels=4, trunk=48, blocks=1)) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    first = Optimiser(config, networks[0])
    descend(first, networks[0], 3, seed=1)
    networks[1].load_state_dict(networks[0].state_dict())
    second = Optimiser(config, networks[1])
    second.restore({name: value.clone() for name, value in first.tensors().items()})
    for optimiser, network in ((first, networks[0]), (second, networks[1])):
        descend(optimiser, network, 2, seed=2)
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_parameter_moves_whatever_moves_it():
    network = BandRecurrentNet(NetworkConfig(channels=4, trunk=48, blocks=1))
    before = [p.detach().clone() for p in network.parameters()]
    descend(Optimiser(OptimiserConfig(), network), network, 1, seed=1)
    assert not any(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="sgd") as refusal:
        OptimiserConfig(kind="sgd")
    assert "muon" in str(refusal.value.hint)
