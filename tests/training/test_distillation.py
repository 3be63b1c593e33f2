"""Each term, each schedule and each kind of teacher does what its name says."""

import dataclasses

import numpy as np
import pytest
import torch

from enhancer.errors import ConfigError, UserError
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.data.batch import DrawnBatch
from training.distillation.schedules import GradientBalance, alpha_at, blend, wanted_terms
from training.distillation.terms import (
    DistillationConfig,
    GradientShares,
    Projection,
    bands_of_items,
    block_pairs,
    output_loss,
    similarity_loss,
)
from training.initialise import first_weights
from training.networks import BandRecurrentNet, NetworkConfig
from training.run.batches import BatchDrawer
from training.run.loop import Run
from training.teachers.base import TeacherOutput
from training.teachers.cache import CacheWriter, Header

ONE = torch.ones(1, 2, 1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spectra(seed: int) -> torch.Tensor:
    return torch.complex(noise(20, 2, 257, seed=seed), noise(20, 2, 257, seed=seed + 100))


# --- the terms ------------------------------------------------------------------------------------------------------


def test_a_student_like_its_teacher_has_nothing_to_learn():
    s = spectra(1)
    assert float(output_loss(s, [s], spectra(2), ONE)) == 0.0
    features = noise(2, 30, 8)
    assert float(similarity_loss(features, features)) == pytest.approx(0.0, abs=1e-6)
    bands = bands_of_items(noise(30, 2, 4, 64))
    assert float(similarity_loss(bands, bands)) == pytest.approx(0.0, abs=1e-6)


def test_a_teacher_worse_than_the_student_teaches_nothing():
    clean = spectra(1)
    student = (clean + 0.1 * spectra(2)).requires_grad_()
    teacher = clean + 10.0 * spectra(3)
    loss = output_loss(student, [teacher], clean, ONE)
    near = output_loss(student, [clean], clean, ONE)
    assert float(loss.detach()) < 0.05 * float(output_loss(student.detach(), [teacher], None, ONE))
    assert float(near.detach()) > 0


def test_each_unit_listens_to_the_teacher_that_is_nearer_to_the_clean_target():
    clean, student = spectra(1), spectra(2)
    low, high = clean.clone(), clean.clone()
    low[..., 100:] += 10.0  # one teacher is right below bin 100, the other above it
    high[..., :100] += 10.0
    both = output_loss(student, [low, high], clean, ONE)
    assert float(both) == pytest.approx(float(output_loss(student, [clean], clean, ONE)), rel=1e-5)


def test_without_reliability_every_unit_counts():
    clean = spectra(1)
    bad = clean + 10.0 * spectra(3)
    assert float(output_loss(clean, [bad], clean, ONE)) == 0.0
    assert float(output_loss(clean, [bad], clean, ONE, reliability=False)) > 0.1


def test_the_similarity_term_takes_any_sizes_and_ignores_rotation():
    features = noise(2, 30, 8)
    rotation, _ = torch.linalg.qr(noise(8, 8, seed=5))
    assert float(similarity_loss(features @ rotation, features)) == pytest.approx(0.0, abs=1e-5)
    assert float(similarity_loss(noise(2, 30, 5, seed=6), features)) > 0.1


def test_blocks_pair_from_the_last_one_backwards():
    three, two = [noise(1)] * 3, [noise(1)] * 2
    assert block_pairs(three, two) == [(1, 0), (2, 1)]
    assert block_pairs(two, three[:1]) == [(1, 0)]


def test_the_projected_term_can_be_learnt_to_zero():
    torch.manual_seed(0)
    student = noise(50, 1, 6)
    teacher = student @ noise(6, 4, seed=7)
    projection = Projection(6, 4)
    optimiser = torch.optim.Adam(projection.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss = projection(student, teacher)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05


# --- the schedules --------------------------------------------------------------------------------------------------


def settings(**changes) -> DistillationConfig:
    return DistillationConfig(caches=("cache",), **changes)


HARD = torch.tensor(2.0)
SOFT = {"output": torch.tensor(3.0), "similarity": torch.tensor(5.0)}


def test_alpha_goes_from_teacher_to_truth():
    config = settings(alpha_start=0.8, alpha_end=0.2)
    assert alpha_at(config, 0.0) == 0.8
    assert alpha_at(config, 0.5) == pytest.approx(0.5)
    assert alpha_at(config, 1.0) == pytest.approx(0.2)


def test_mixed_weighs_hard_and_soft_by_alpha_throughout():
    config = settings(alpha_start=0.5, alpha_end=0.5, output=1.0, similarity=0.1)
    for progress in (0.0, 0.9):
        assert float(blend(config, HARD, SOFT, progress)) == pytest.approx(0.5 * 2.0 + 0.5 * (3.0 + 0.5))


def test_two_steps_are_features_alone_and_then_everything_but_features():
    config = settings(schedule="two-step", first_share=0.4, alpha_start=0.8, alpha_end=0.2, similarity=0.1)
    assert wanted_terms(config, 0.39) == {"similarity"}
    assert float(blend(config, HARD, {"similarity": SOFT["similarity"]}, 0.39)) == pytest.approx(0.5)
    assert wanted_terms(config, 0.4) == {"output"}
    assert float(blend(config, HARD, {"output": SOFT["output"]}, 0.7)) == pytest.approx(0.5 * 2.0 + 0.5 * 3.0)
    assert wanted_terms(settings(schedule="two-step", output=0.0), 0.9) == set()


@pytest.mark.parametrize("schedule", ["mixed", "two-step"])
def test_a_batch_without_teacher_or_without_target_counts_with_what_it_has(schedule):
    config = settings(schedule=schedule)
    assert float(blend(config, HARD, {}, 0.5)) == 2.0
    assert float(blend(config, None, {"output": SOFT["output"]}, 0.5)) == 3.0


def test_the_dynamic_schedule_gives_each_term_its_share_of_the_trunks_gradient():
    trunk = torch.nn.Linear(6, 6)
    said = trunk(noise(40, 6))
    hard, output = said.square().mean(), 1000.0 * (said - 1.0).square().mean()
    config = settings(schedule="dynamic", similarity=0.0, shares=GradientShares(hard=0.5, output=0.25, features=0.25))
    balance = GradientBalance(config, trunk)
    total = balance.blend(hard, {"output": output}, step=0)

    def norm(loss: torch.Tensor) -> float:
        gradients = torch.autograd.grad(loss, list(trunk.parameters()), retain_graph=True)
        return float(torch.cat([g.flatten() for g in gradients]).norm())

    assert norm(total - hard) == pytest.approx(0.5 * norm(hard), rel=1e-3)


# --- in a run -------------------------------------------------------------------------------------------------------


@pytest.fixture
def teacher(config, small_pools, tmp_path) -> str:
    """A checkpoint of a bidirectional network that is wider than the student and has learnt a little."""
    larger = dataclasses.replace(config, network=NetworkConfig(channels=6, trunk=12, blocks=2, bidirectional=True))
    run = Run(larger, small_pools)
    for _ in range(3):
        run.step()
    save_checkpoint(tmp_path / "teacher.safetensors", run.checkpoint())
    return str(tmp_path / "teacher.safetensors")


def written_cache(folder, sample_rate: int = 16_000) -> str:
    """Four segments of one second whose teacher is the clean target and has random features."""
    rng = np.random.default_rng(1)
    with CacheWriter(folder, Header("tested", "0" * 64, "none", sample_rate, 1.0, 6, 1)) as writer:
        for _ in range(4):
            clean, noisy = rng.normal(0, 0.05, (2, sample_rate)).astype(np.float32)
            features = rng.normal(0, 1, (100, 6)).astype(np.float16)
            writer.append(clean + noisy, clean, TeacherOutput(clean, features), {})
    return str(folder)


@pytest.fixture
def cache(tmp_path) -> str:
    return written_cache(tmp_path / "cache")


def taught(config: TrainingConfig, **changes) -> TrainingConfig:
    return dataclasses.replace(config, distillation=DistillationConfig(**changes))


@pytest.mark.parametrize("schedule", ["mixed", "two-step", "dynamic"])
def test_own_and_cached_teachers_speak_together_in_every_schedule(config, small_pools, teacher, cache, schedule):
    both = taught(config, teachers=(teacher,), caches=(cache,), share=1.0, projected=0.1, schedule=schedule)
    run = Run(both, small_pools)
    seen = set()
    for _ in range(6):
        seen |= run.step().keys()
    assert {"magnitude", "output", "similarity", "projected"} <= seen
    assert run.progress.skipped == 0


def test_a_resumed_taught_run_equals_an_uninterrupted_one(config, small_pools, teacher, tmp_path):
    dynamic = taught(config, teachers=(teacher,), projected=0.1, schedule="dynamic")
    whole, first, second = (Run(dynamic, small_pools) for _ in range(3))
    for _ in range(4):
        whole.step()
    for _ in range(2):
        first.step()
    save_checkpoint(tmp_path / "half.safetensors", first.checkpoint())
    second.restore(load_checkpoint(tmp_path / "half.safetensors"))
    for _ in range(2):
        second.step()
    for ours, theirs in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_teachers_neither_learn_nor_enter_the_checkpoint(config, small_pools, teacher):
    run = Run(taught(config, teachers=(teacher,)), small_pools)
    before = [p.clone() for p in run.lessons.teachers[0].parameters()]
    run.step()
    assert all(torch.equal(a, b) for a, b in zip(before, run.lessons.teachers[0].parameters(), strict=True))
    assert run.checkpoint().part("lessons") == {}


def test_an_unpaired_batch_teaches_through_the_soft_terms_alone(config, small_pools, teacher):
    run = Run(taught(config, teachers=(teacher,), output=1.0, similarity=0.1), small_pools)
    loss, terms = run.loss(DrawnBatch(16_000, 0.1 * noise(2, 8000), None))
    loss.backward()
    assert terms.keys() == {"output", "similarity"}
    assert float(run.network.trunk.blocks[0].weight_ih_l0.grad.abs().sum()) > 0


def test_a_cached_teacher_without_features_teaches_by_its_output_alone(config, small_pools, cache):
    run = Run(taught(config, caches=(cache,), share=1.0, similarity=0.1, projected=0.1), small_pools)
    drawn = run.source.draw(0)
    silent = dataclasses.replace(drawn, taught=dataclasses.replace(drawn.taught, features=None))
    assert run.loss(silent)[1].keys() & {"output", "similarity", "projected"} == {"output"}


def test_a_cache_at_48_khz_teaches_at_48_khz(config, small_pools, tmp_path):
    full_band = written_cache(tmp_path / "full-band", 48_000)
    run = Run(taught(config, caches=(full_band,), share=1.0, projected=0.1), small_pools)
    drawn = run.source.draw(0)
    assert drawn.sample_rate == 48_000
    assert drawn.noisy.shape[-1] == config.batch.seconds * 48_000
    assert "output" in run.step()


def test_items_longer_than_a_caches_segments_are_refused_before_training(config, small_pools, cache):
    longer = dataclasses.replace(config, batch=dataclasses.replace(config.batch, seconds=1.5))
    with pytest.raises(ConfigError, match="has 1 s each"):
        Run(taught(longer, caches=(cache,)), small_pools)


def test_each_process_hears_all_caches(config, small_pools, cache, tmp_path):
    both = taught(config, caches=(cache, written_cache(tmp_path / "second")), share=0.2)
    for rank in (0, 1):
        drawn = (BatchDrawer(both, small_pools, rank).draw(step) for step in range(60))
        assert {batch.taught.teacher for batch in drawn if batch.taught} == {0, 1}


def test_the_control_sees_the_same_batches_and_first_weights_as_a_taught_row(config, small_pools, teacher, cache):
    control = taught(config, caches=(cache,), share=0.5, cached_word=False)
    row = taught(config, caches=(cache,), share=0.5, cached_word=True, teachers=(teacher,), projected=0.1)
    a, b = Run(control, small_pools), Run(row, small_pools)
    assert all(torch.equal(x, y) for x, y in zip(a.network.parameters(), b.network.parameters(), strict=True))
    for step in range(4):
        assert torch.equal(a.source.draw(step).noisy, b.source.draw(step).noisy)
    assert "output" not in a.step()


def test_a_teacher_of_another_layout_is_refused_in_one_line(config, small_pools, teacher, tmp_path):
    checkpoint = load_checkpoint(tmp_path / "teacher.safetensors")
    tensors = dict(checkpoint.tensors)
    tensors["ema.to_trunk.weight"] = tensors["ema.to_trunk.weight"][:, :32]
    save_checkpoint(tmp_path / "odd.safetensors", Checkpoint(tensors, checkpoint.facts))
    with pytest.raises(UserError, match="another band plan"):
        Run(taught(config, teachers=(str(tmp_path / "odd.safetensors"),)), small_pools)


CACHED = {"caches": ("cache",)}


@pytest.mark.parametrize(
    "wrong",
    [{}, CACHED | {"schedule": "never"}, CACHED | {"share": 2.0}, CACHED | {"unpaired": 0.1}],
    ids=["nobody teaches", "unknown schedule", "share over one", "unpaired without an own teacher"],
)  # fmt: skip
def test_a_distillation_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        DistillationConfig(**wrong)


# --- first weights --------------------------------------------------------------------------------------------------


def trained_like(config: NetworkConfig, seed: int) -> BandRecurrentNet:
    """A network none of whose weights are zero, as after training."""
    torch.manual_seed(seed)
    network = BandRecurrentNet(config)
    torch.nn.init.normal_(network.to_mask.weight, std=0.05)
    return network


def test_a_teacher_grown_from_a_causal_network_says_the_same_and_can_learn_to_look_ahead():
    causal = NetworkConfig(channels=4, trunk=8, blocks=2)
    small = trained_like(causal, 1)
    grown = BandRecurrentNet(dataclasses.replace(causal, bidirectional=True))
    grown.load_state_dict(first_weights(small.state_dict(), causal, grown))
    core, high = noise(20, 2, 2, 256), noise(20, 2, 17, seed=1)
    said = grown(core, high)
    torch.testing.assert_close(said.mask, small(core, high).mask)
    said.mask.square().mean().backward()
    assert float(grown.trunk.blocks[0].weight_ih_l0_reverse.grad.abs().sum()) > 0


def test_a_student_cut_from_its_teacher_keeps_the_channels_that_matter():
    wide, narrow = NetworkConfig(channels=6, trunk=12, blocks=2), NetworkConfig(channels=4, trunk=8, blocks=2)
    teacher = trained_like(wide, 2)
    with torch.no_grad():  # channels 4, 5 and trunk dimensions 8..11 carry nothing
        teacher.from_trunk.weight[:, 8:] = 0.0
        teacher.from_trunk.weight.view(6, 64, 12)[4:] = 0.0
    weights = first_weights(teacher.state_dict(), wide, BandRecurrentNet(narrow))
    assert torch.equal(weights["trunk.blocks.0.weight_hh_l0"][8:16], teacher.trunk.blocks[0].weight_hh_l0[12:20, :8])
    assert torch.equal(weights["merge.weight"], teacher.merge.weight[:4, :4])
    student = BandRecurrentNet(narrow)
    student.load_state_dict(weights)


def test_a_smaller_network_cannot_be_cut_to_a_larger_one():
    small, large = NetworkConfig(channels=4, trunk=8, blocks=1), NetworkConfig(channels=4, trunk=16, blocks=1)
    with pytest.raises(UserError, match="nor larger"):
        first_weights(BandRecurrentNet(small).state_dict(), small, BandRecurrentNet(large))
