"""An ablation: equal students but for what they are taught, resumable, judged pair by pair."""

from __future__ import annotations

import os
import signal
import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from enhancer.errors import ConfigError, UserError
from training.ablation import report, results
from training.ablation.conduct import Conductor
from training.ablation.picture import draw
from training.ablation.plan import load_plan, plan_of, steps_done
from training.ablation.scores import ItemScores
from training.ablation.workers import Interrupted, Workers
from training.run.loop import Run
from training.run.processes import CHECKPOINT
from training.teachers.base import TeacherOutput
from training.teachers.cache import CacheWriter, Header

STEPS = 12
TINY = f"""
[ablation]
seeds = [1, 2]
repeated = 1
items = 2
chosen_on = 2
[network]
channels = 4
trunk = 8
blocks = 1
[batch]
size = 1
seconds = 0.5
[mix.categories]
rumble = 1.0
hiss = 1.0
[run]
minutes = 0.0
steps = {STEPS}
processes = 1
checkpoint_minutes = 0.001
validate_items = 0
[distillation]
caches = ["CACHE"]
share = 0.5
cached_word = false
output = 0.0
similarity = 0.0
[[row]]
name = "none"
title = "nobody"
[[row]]
name = "external"
cached_word = true
output = 1.0
[[row]]
name = "projected"
cached_word = true
projected = 1.0
"""


def write_cache(folder: Path, segments: int) -> None:
    """Adds to a cache whose teacher knows the clean target and has random features."""
    with CacheWriter(folder, Header("tested", "0" * 64, "none", 16_000, 1.0, 6, 1)) as writer:
        rng = np.random.default_rng(1)
        for _ in range(segments):
            clean, noise = rng.normal(0, 0.05, (2, 16_000)).astype(np.float32)
            features = rng.normal(0, 1, (100, 6)).astype(np.float16)
            writer.append(clean + noise, clean, TeacherOutput(clean, features), {})


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """The parsed config of a tiny ablation with a cache."""
    cache = tmp_path_factory.mktemp("cache")
    write_cache(cache, 4)
    return tomllib.loads(TINY.replace("CACHE", str(cache)))


def work_here(tasks, watch) -> None:
    """Does tasks in this process: starting others takes seconds."""
    for function, arguments in tasks:
        function(*arguments)
        watch()


@pytest.fixture(scope="module")
def ablated(values, small_pools, tmp_path_factory):
    """A whole ablation that was stopped once: its conductor, runs and folder, and how far runs were then."""
    out = tmp_path_factory.mktemp("ablation")
    conductor = Conductor(plan_of(values, "tiny"), small_pools.folder, out, print)
    first = conductor.folder(conductor.plan.first_runs()[0]) / CHECKPOINT

    def stop_when_training() -> None:
        while not first.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_training, daemon=True).start()
    with pytest.raises(Interrupted), Workers(1) as workers:
        conductor.run_all(workers)
    stopped_at = {run.name: steps_done(run, conductor.folder(run)) for run in conductor.plan.first_runs()}
    runs = conductor.run_all(SimpleNamespace(work=work_here))
    return SimpleNamespace(conductor=conductor, runs=runs, stopped_at=stopped_at, out=out)


def test_rows_start_from_the_same_weights_and_see_the_same_batches(values, small_pools):
    plan = plan_of(values, "tiny")
    control, *others = (Run(plan.run(row.name, 1).config, small_pools) for row in plan.rows)
    for other in others:
        for ours, theirs in zip(control.network.parameters(), other.network.parameters(), strict=True):
            assert torch.equal(ours, theirs)
        for step in range(6):
            ours, theirs = control.source.draw(step), other.source.draw(step)
            assert torch.equal(ours.noisy, theirs.noisy) and torch.equal(ours.clean, theirs.clean)
    taught = [step for step in range(6) if others[0].source.draw(step).taught is not None]
    assert taught
    assert "output" not in control.loss(control.source.draw(taught[0]))[1]
    assert "output" in others[0].loss(others[0].source.draw(taught[0]))[1]


def test_a_stopped_ablation_goes_on_to_its_end(ablated):
    assert 0 < sum(ablated.stopped_at.values()) < STEPS * len(ablated.stopped_at)
    assert all(steps_done(run, ablated.conductor.folder(run)) == STEPS for run in ablated.runs)


def test_the_control_and_the_best_of_the_validation_set_run_with_every_seed(ablated):
    found = results.collect(ablated.conductor, ablated.runs)
    best = found.ranked()[0].name
    assert {row.name: row.seeds for row in found.rows if len(row.seeds) > 1} == {"none": [1, 2], best: [1, 2]}
    assert {row.updates for row in found.rows} == {STEPS}
    assert len({row.audio_hours for row in found.rows}) == 1


def test_what_is_finished_is_not_done_again(ablated):
    nobody = SimpleNamespace(work=lambda *_: pytest.fail("there was nothing left to do"))
    assert ablated.conductor.run_all(nobody) == ablated.runs


def test_the_report_holds_every_row_and_its_differences(ablated, tmp_path):
    results.write_results(results.collect(ablated.conductor, ablated.runs), tmp_path / "ablation.json")
    found = results.read_results(tmp_path / "ablation.json")
    for row in found.rows:
        assert sum(line.startswith(f"| {row.title} |") for line in report.table(found).splitlines()) == 1
    assert "[" in report.table(found).splitlines()[-1]
    assert "95 %" in report.summary(found)
    draw(found, tmp_path / "ablation.png")
    assert (tmp_path / "ablation.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_replaces_what_stands_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- ablation -->\nold\n<!-- /ablation -->\nafter\n")
    for text in ("new", "newer"):
        report.replace_block(page, "ablation", text)
    assert page.read_text() == "before\n<!-- ablation -->\nnewer\n<!-- /ablation -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ConfigError, match="no place for the table"):
        report.replace_block(page, "ablation", "new")


def test_a_row_is_not_continued_with_another_config(ablated, values, small_pools):
    other = plan_of(values | {"optimiser": {"rate": 0.5}}, "tiny")
    with pytest.raises(ConfigError, match=r"another config: optimiser.rate 0.001 -> 0.5"):
        Conductor(other, small_pools.folder, ablated.out, print)


def test_an_ablation_is_not_continued_with_another_cache(ablated, values, small_pools):
    write_cache(Path(values["distillation"]["caches"][0]), 1)
    with pytest.raises(ConfigError, match=r"has changed since .*4 segments -> 5 segments"):
        Conductor(plan_of(values, "tiny"), small_pools.folder, ablated.out, print)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"row": [{"name": "none"}, {"name": "less", "share": 0.1}]}, "would see other mixtures than the control"),
        ({"row": [{"name": "none"}, {"name": "odd", "outptu": 1.0}]}, "unknown key row.odd.distillation.outptu"),
        ({"row": [{"name": "all"}, {"name": "some"}]}, "no .* named 'none'"),
        ({"row": [{"name": "none"}, {"name": "none"}]}, "same name"),
        ({"row": [{"name": "none"}, {"title": "nameless"}]}, "number 2 has no name"),
        ({"row": [{"name": "none"}]}, "repeated must be 0 to 0"),
        ({"run": {"processes": 1, "minutes": 3.0, "steps": 9}}, "equal in steps alone"),
        ({"run": {"processes": 2, "minutes": 0.0, "steps": 9}}, "in one process"),
        ({"ablation": {"seeds": [1, 1]}}, "different numbers"),
        ({"ablation": {"sedes": [1]}}, "unknown key ablation.sedes"),
        ({"netwrk": {}}, "unknown key netwrk"),
    ],
)
def test_what_cannot_be_an_ablation_is_refused_in_one_line(values, change, complaint):
    with pytest.raises(UserError, match=complaint):
        plan_of(values | change, "tiny")


@pytest.mark.parametrize("name", ["ablation", "ablation-shipped"])
def test_the_shipped_ablations_load_and_their_control_is_taught_by_nobody(name):
    plan = load_plan(name)
    control = plan.run("none", 1).config.distillation
    assert not control.teachers and not control.cached_word
    assert control.output == control.similarity == control.projected == 0.0


def scored(pesq: np.ndarray) -> list[ItemScores]:
    """Items of six speakers and five noise recordings with these scores."""
    return [ItemScores(f"speaker{i % 6}", f"noise{i % 5}", float(v), 0.5, 1.0) for i, v in enumerate(pesq)]


def test_differences_are_paired_by_item_and_by_seed():
    rng = np.random.default_rng(3)
    items, seeds = rng.normal(2.0, 1.0, 60), [-0.4, 0.0, 0.4]
    control = [scored(items + seed) for seed in seeds]
    better = [scored(items + seed + 0.1) for seed in seeds]
    score = results.compare(better, control, "pesq_wb")
    assert score.difference == pytest.approx(0.1)
    assert (score.low, score.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert score.difference_by_seed == pytest.approx([0.1, 0.1, 0.1])
    assert np.ptp(score.by_seed) == pytest.approx(0.8)


def test_an_item_that_a_measure_cannot_judge_is_left_out():
    items = np.random.default_rng(4).normal(2.0, 1.0, 60)
    ours = items + 0.1
    ours[7] = np.nan
    score = results.compare([scored(ours)], [scored(items)], "pesq_wb")
    assert score.difference == pytest.approx(0.1)
    assert np.isfinite([score.low, score.high]).all()
