"""`enhancer evaluate` as a researcher meets it: what pairs, what is scored, kept, written and refused."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.evaluation import metrics, pool
from enhancer.evaluation.alignment import align
from enhancer.evaluation.statistics import two_way_interval
from tests.dying import die_at_one
from tests.refusals import assert_refused

RATE = 16_000
CLEAN = soundfile.read(Path(__file__).parent.parent / "data" / "speech_16k_female.flac")[0][: int(1.5 * RATE)]


@pytest.fixture(scope="module")
def model(build_model) -> str:
    """A model that changes nothing, so that the scores of noisy and denoised files agree."""
    return str(build_model("pass"))


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Runs `enhancer evaluate ARGUMENTS` in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        return CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False)

    return run


@pytest.fixture
def write(tmp_path):
    """Writes sound: write("clean/a.wav", samples, rate)."""

    def to(name: str, samples: np.ndarray, rate: int = RATE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate)
        return path

    return to


def noise(size: int = CLEAN.size, seed: int = 0, level: float = 0.01) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(size)


@pytest.fixture
def folders(write) -> None:
    """clean/, noisy/ and enhanced/ with a.* and deep/b.*, extensions of their own in each."""
    for seed, name in enumerate(("a", "deep/b")):
        write(f"clean/{name}.flac", CLEAN)
        write(f"noisy/{name}.wav", CLEAN + noise(seed=seed))
        write(f"enhanced/{name}.flac", CLEAN + noise(seed=seed, level=0.003))


def rows(path: str | Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_given_files_are_scored_as_the_measures_say(cli, folders):
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--noisy", "noisy", "--out", "out")
    assert result.exit_code == 0
    table = rows("out/scores.csv")
    assert [(row["file"], row["system"]) for row in table] == [
        ("a", "noisy"), ("a", "enhanced"), ("deep/b", "noisy"), ("deep/b", "enhanced")
    ]  # fmt: skip
    clean, enhanced = (soundfile.read(f"{folder}/a.flac")[0] for folder in ("clean", "enhanced"))
    first = {key: float(value) for key, value in table[1].items() if key not in ("file", "system", "notes")}
    assert first["pesq_wb"] == pytest.approx(metrics.pesq_wb(enhanced, clean, RATE), abs=1e-4)
    assert first["estoi"] == pytest.approx(metrics.estoi(enhanced, clean, RATE), abs=1e-4)
    assert first["si_sdr"] == pytest.approx(metrics.si_sdr(enhanced, clean), abs=1e-3)
    assert first["level_db"] == pytest.approx(0, abs=0.05)
    assert np.isnan(first["rtf"])
    for label in ("PESQ-WB", "PESQ-NB", "SI-SDR dB", "COVL", "worst files"):
        assert label in result.stdout


def test_noisy_files_are_denoised_and_scored(cli, folders, model):
    result = cli("--clean", "clean", "--noisy", "noisy", "--model", model, "--json")
    assert result.exit_code == 0
    systems = json.loads(result.stdout)["summary"]["systems"]
    for key in ("pesq_wb", "stoi", "si_sdr", "lsd"):
        assert systems["enhancer"][key]["mean"] == pytest.approx(systems["noisy"][key]["mean"], abs=0.02)
    assert systems["enhancer"]["rtf"]["mean"] > 0
    assert systems["noisy"]["rtf"]["mean"] is None


def test_the_attenuation_limit_reaches_the_engine(cli, folders, build_model):
    arguments = ("--clean", "clean", "--noisy", "noisy", "--model", str(build_model("remove")), "--json")
    result = cli(*arguments, "--attenuation-limit", "6")
    level = json.loads(result.stdout)["summary"]["systems"]["enhancer"]["level_db"]["mean"]
    assert level == pytest.approx(-6, abs=0.2)


def test_single_files_pair_whatever_their_names(cli, write):
    write("reference.wav", CLEAN)
    write("mine.wav", CLEAN + noise())
    assert cli("--clean", "reference.wav", "--enhanced", "mine.wav").exit_code == 0


def test_a_run_goes_on_where_it_was_and_sees_what_changed(cli, folders, write):
    arguments = ("--clean", "clean", "--enhanced", "enhanced", "--csv", "scores.csv")
    assert cli(*arguments).exit_code == 0
    before = rows("scores.csv")
    journal = Path("scores.csv.jsonl")
    journal.write_text(journal.read_text() + '{"key": "torn')  # a run that was killed while it wrote
    result = cli(*arguments)
    assert result.exit_code == 0
    assert "2 of them scored before" in result.stdout
    assert rows("scores.csv") == before
    write("enhanced/a.flac", CLEAN + noise(seed=9, level=0.02))
    assert "1 of them scored before" in cli(*arguments).stdout
    after = rows("scores.csv")
    assert after[0]["pesq_wb"] != before[0]["pesq_wb"]
    assert after[1] == before[1]
    assert "2 of them scored before" in cli(*arguments).stdout


def test_two_processes_score_what_one_scores(cli, folders, write, tmp_path, model):
    write("clean/bad.wav", CLEAN)
    (tmp_path / "noisy/bad.wav").write_bytes(b"this is not sound")
    arguments = ("--clean", "clean", "--noisy", "noisy", "--model", model)
    results = [cli(*arguments, "--csv", f"{name}.csv", "--jobs", jobs) for name, jobs in (("one", "1"), ("two", "2"))]
    assert [result.exit_code for result in results] == [1, 1]
    assert results[0].stderr == results[1].stderr
    assert "noisy/bad.wav" in results[0].stderr
    one, two = ([row | {"rtf": ""} for row in rows(name)] for name in ("one.csv", "two.csv"))
    assert one == two


def test_other_rates_and_channels_are_taken(cli, write):
    import soxr

    stereo = np.stack([CLEAN, np.roll(CLEAN, 4000)], axis=1)
    full = soxr.resample(stereo, RATE, 48_000)
    write("clean/a.wav", full, 48_000)
    write("enhanced/a.wav", stereo + noise(stereo.size).reshape(stereo.shape))
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--csv", "s.csv")
    assert result.exit_code == 0
    (row,) = rows("s.csv")
    assert (row["sample_rate"], row["channels"]) == ("16000", "2")
    assert "16000 Hz against 48000 Hz: compared at 16000 Hz" in row["notes"]
    assert float(row["si_sdr"]) > 10


def test_a_delay_is_refused_or_taken_off(cli, write):
    late = align(CLEAN + noise(level=0.001), -800, CLEAN.size + 800)  # 50 ms
    write("clean/a.wav", CLEAN)
    write("enhanced/a.wav", late)
    result = cli("--clean", "clean", "--enhanced", "enhanced")
    assert_refused(result, "1.5500 s", "1.5000 s")
    assert "--align" in result.stderr
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--align", "--csv", "s.csv")
    assert result.exit_code == 0
    (row,) = rows("s.csv")
    assert float(row["si_sdr"]) > 25
    assert "delay of 50.00 ms taken off" in row["notes"]


def test_what_is_undefined_is_nan_and_counted(cli, write):
    import soxr

    for name in ("speech", "silence"):
        write(f"clean/{name}.wav", CLEAN * (name == "speech"))
        write(f"noisy/{name}.wav", CLEAN + noise())
    write("clean/phone.wav", soxr.resample(CLEAN, RATE, 8000), 8000)
    write("noisy/phone.wav", soxr.resample(CLEAN + noise(), RATE, 8000), 8000)
    result = cli("--clean", "clean", "--enhanced", "noisy", "--csv", "s.csv")
    assert result.exit_code == 0
    table = {row["file"]: row for row in rows("s.csv")}
    assert table["silence"]["pesq_wb"] == table["silence"]["si_sdr"] == "nan"
    assert (table["phone"]["pesq_wb"], table["phone"]["covl"]) == ("nan", "nan")
    assert float(table["phone"]["pesq_nb"]) > 1
    said = " ".join(result.stdout.split())
    assert "undefined for 1 file: PESQ needs a reference that is not silent" in said
    assert "wide-band measures need sound of 16 kHz or more, this is 8000 Hz" in said


def test_one_bad_file_costs_only_itself(cli, folders, write, tmp_path):
    (tmp_path / "enhanced/a.flac").write_bytes(b"this is not sound")
    write("clean/c.wav", CLEAN)
    write("enhanced/c.wav", np.stack([CLEAN, CLEAN], axis=1))
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--csv", "s.csv")
    assert result.exit_code == 1
    assert [row["file"] for row in rows("s.csv")] == ["deep/b"]
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert any("enhanced/a.flac" in line for line in errors)
    assert any("has 2 channels" in line and "has one channel" in line for line in errors)


def test_files_without_a_partner_are_named(cli, folders, write):
    write("clean/only-here.wav", CLEAN)
    write("enhanced/a.wav", CLEAN)  # beside a.flac
    result = cli("--clean", "clean", "--enhanced", "enhanced")
    assert result.exit_code == 1
    assert "without a partner in every folder: clean/only-here.wav" in result.stderr
    assert "enhanced/a.flac and enhanced/a.wav have one name: neither was scored" in result.stderr


def test_folders_that_share_no_name_are_refused(cli, write):
    write("clean/a.wav", CLEAN)
    write("noisy/b.wav", CLEAN)
    assert_refused(cli("--clean", "clean", "--noisy", "noisy"), "no file is in all of the folders")


def test_wrong_use_is_refused_in_one_line(cli, folders, write, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_refused(cli("--noisy", "noisy", "--align"), "--align needs clean files")
    assert_refused(cli("--noisy", "noisy", "--words"), "--words needs clean files")
    assert_refused(cli("--noisy", "noisy", "--peers", "irm"), "irm needs clean files")
    assert_refused(cli("--clean", "clean"), "nothing to score")
    assert_refused(cli("--clean", "clean", "--noisy", "gone"), "--noisy gone does not exist")
    assert_refused(cli("--clean", "empty", "--noisy", "noisy"), "no audio or video files", "--clean empty")
    assert_refused(cli("--clean", "clean", "--noisy", "noisy/a.wav"), "is a file, the others are folders")
    assert_refused(cli("--clean", "clean", "--enhanced", "enhanced", "--model", "x.onnx"), "denoised here")
    assert_refused(cli("--clean", "clean", "--noisy", "noisy", "--model", "gone.onnx"), "gone.onnx")
    (tmp_path / "mine.csv").write_text("my own table")
    assert_refused(cli("--clean", "clean", "--noisy", "noisy", "--csv", "mine.csv"), "mine.csv exists already")
    assert (tmp_path / "mine.csv").read_text() == "my own table"


def test_a_missing_package_is_named_with_the_command_that_brings_it(cli, folders, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pesq" else real(name, *rest))
    result = cli("--clean", "clean", "--enhanced", "enhanced")
    assert_refused(result, "evaluation needs pesq")
    assert "hint: pip install 'enhancer[eval]'" in result.stderr


def test_what_dnsmos_and_words_need_is_named_too(cli, folders, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    gone = ("speechmos", "pocketsphinx")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in gone else real(name, *rest))
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--words", "--dnsmos")
    assert_refused(result, "DNSMOS needs speechmos; the word error rate needs pocketsphinx")
    assert "hint: pip install 'enhancer[dnsmos,words]'" in result.stderr
    assert_refused(cli("--noisy", "noisy"), "DNSMOS needs speechmos")
    assert_refused(cli("--clean", "clean", "--enhanced", "enhanced", "--words", "me:too"), "me:too cannot be imported")


def test_without_clean_files_dnsmos_rates_noisy_and_denoised_by_themselves(cli, write, model):
    write("noisy/a.wav", CLEAN + noise())
    result = cli("--noisy", "noisy", "--model", model, "--out", "out", "--report", "out/report.html")
    assert result.exit_code == 0
    assert "PESQ" not in result.stdout.replace("PESQ-WB, ESTOI and SI-SDR are tested", "")
    table = rows("out/scores.csv")
    assert [row["system"] for row in table] == ["noisy", "enhancer"]
    assert [key for key in table[0] if key.startswith("dnsmos")] == [
        "dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"
    ]  # fmt: skip
    assert not {"pesq_wb", "si_sdr", "wer"} & set(table[0])
    # The model changes nothing, but for its rounding.
    assert float(table[0]["dnsmos_ovrl"]) == pytest.approx(float(table[1]["dnsmos_ovrl"]), abs=0.02)
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2
    assert "clean voice" not in page


def heard(samples: np.ndarray) -> str:
    """A recogniser that hears four words where it is loud, and two of them else."""
    return "one two three four" if np.std(samples) > 1.0001 * np.std(CLEAN) else "one four"


def test_words_are_counted_by_any_recogniser_and_kept_in_the_journal(cli, write):
    write("clean/a.wav", 2 * CLEAN)
    write("enhanced/a.wav", CLEAN)
    command = ["--clean", "clean", "--enhanced", "enhanced", "--csv", "s.csv"]
    assert cli(*command).exit_code == 0
    assert "wer" not in rows("s.csv")[0]
    result = cli(*command, "--words", f"{__name__}:heard")
    assert result.exit_code == 0
    assert "scored before" not in result.stdout  # it has another measure now
    assert float(rows("s.csv")[0]["wer"]) == 50
    assert "1 of them scored before" in cli(*command, "--words", f"{__name__}:heard").stdout


def test_json_tells_of_wrong_use_too(cli):
    result = cli("--clean", "clean", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "there is nothing to score"


def test_markup_and_odd_names_are_shown_as_they_are(cli, write):
    windows = os.name == "nt"
    for number, name in enumerate(("[red]a[/red] é", "b" if windows else "line\nbreak\u2028\x1b[1m")):
        write(f"clean/{name}.wav", CLEAN)
        write(f"enhanced/{name}.wav", CLEAN + noise(seed=number))
    for _ in range(2):
        result = cli("--clean", "clean", "--enhanced", "enhanced", "--csv", "s.csv")
        assert result.exit_code == 0
    assert "2 of them scored before" in result.stdout
    assert "[red]a[/red] é" in result.stdout
    assert windows or r"line\nbreak\u2028\x1b[1m" in result.stdout  # nothing that a terminal obeys


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_names_that_are_no_text_are_named_too(cli, folders, tmp_path):
    (tmp_path / os.fsdecode(b"clean/b\xff.wav")).write_bytes(b"RIFF")
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--out", "out", "--json")
    assert result.exit_code == 1
    for text in (result.stdout, Path("out/scores.json").read_text(encoding="utf-8")):
        assert [os.fsencode(path) for path in json.loads(text)["unmatched"]] == [b"clean/b\xff.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and closed folders of Unix")
def test_links_to_nothing_are_named_and_the_rest_is_scored(cli, folders, tmp_path):
    (tmp_path / "enhanced/lost.wav").symlink_to("nowhere.wav")
    result = cli("--clean", "clean", "--enhanced", "enhanced", "--out", "out")
    assert result.exit_code == 1
    assert "enhanced/lost.wav is a link to nothing" in result.stderr
    assert {row["file"] for row in rows("out/scores.csv")} == {"a", "deep/b"}


def test_a_process_that_dies_costs_only_its_file():
    results = dict(pool.run_tasks(die_at_one, [(number,) for number in range(4)], 2))
    failed = results.pop(1)
    assert results == {0: 0, 2: 2, 3: 3}
    assert "exit code 7" in failed.error


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_an_interrupted_run_keeps_what_is_scored(folders, write, tmp_path):
    for number in range(40):
        write(f"clean/{number}.wav", CLEAN)
        write(f"enhanced/{number}.wav", CLEAN + noise(seed=number))
    command = [sys.executable, "-m", "enhancer", "evaluate", "--clean", "clean", "--enhanced", "enhanced"]
    running = subprocess.Popen(
        [*command, "--csv", "s.csv", "--report", "r.html"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = tmp_path / "s.csv.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "stopped: " in said
    assert "Traceback" not in said
    assert len(rows(tmp_path / "s.csv")) == len(journal.read_text().splitlines()) >= 1
    assert "The run was stopped: " in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_peers_stand_beside_ours_with_paired_differences(cli, folders, model):
    pytest.importorskip("webrtc_noise_gain")
    arguments = ("--clean", "clean", "--noisy", "noisy", "--model", model, "--csv", "s.csv")
    assert cli(*arguments).exit_code == 0
    result = cli(*arguments, "--peers", "webrtc", "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)["summary"]
    means = {system: values["pesq_wb"]["mean"] for system, values in summary["systems"].items()}
    assert list(means) == ["noisy", "enhancer", "webrtc"]
    assert summary["differences"]["webrtc"]["pesq_wb"]["mean"] == pytest.approx(means["enhancer"] - means["webrtc"])
    assert summary["systems"]["webrtc"]["rtf"]["mean"] > 0
    # What was scored before the peer was asked for was not scored again.
    assert len(Path("s.csv.jsonl").read_text().splitlines()) == 6


def test_peers_need_noisy_files(cli, folders):
    assert_refused(cli("--clean", "clean", "--enhanced", "enhanced", "--peers", "webrtc"), "--peers needs noisy files")
    assert_refused(cli("--clean", "clean", "--noisy", "noisy", "--peers", "whisper"), "no peer called whisper")


def test_groups_are_told_by_names(cli, write):
    for number, name in enumerate(("p1_a", "p1_b", "p2_a")):
        write(f"clean/{name}.wav", CLEAN)
        write(f"enhanced/{name}.wav", CLEAN + noise(seed=number))
    arguments = ("--clean", "clean", "--enhanced", "enhanced", "--csv", "s.csv")
    result = cli(*arguments, "--group", "^p[0-9]")
    assert result.exit_code == 0
    assert "95 % interval over 2 groups" in result.stdout
    assert json.loads(cli(*arguments, "--group", "_(.)", "--json").stdout)["summary"]["groups"] == {"group": 2}
    assert_refused(cli(*arguments, "--group", "["), "--group [ is no regular expression")
    assert_refused(cli(*arguments, "--group", "p1"), "--group p1 is not in p2_a")


def test_speakers_and_noise_recordings_are_told_by_a_table(cli, write, tmp_path):
    table = tmp_path / "facts.csv"
    table.write_text("file,speaker,noise\na.wav,anna,fan\nb,anna,rain\nc,bert,fan\nd,bert,\n")
    for number, name in enumerate("abcd"):
        write(f"clean/{name}.wav", CLEAN)
        write(f"noisy/{name}.wav", CLEAN + noise(seed=number, level=0.01 * (number + 1)))
        write(f"enhanced/{name}.wav", CLEAN + noise(seed=number, level=0.004 * (number + 1)))
    arguments = ("--clean", "clean", "--enhanced", "enhanced", "--noisy", "noisy", "--csv", "s.csv")
    result = cli(*arguments, "--facts", "facts.csv", "--report", "r.html")
    assert "over 2 speakers and 3 noise recordings" in " ".join(result.stdout.split())
    assert "2 speakers and 3 noise recordings (the table facts.csv)" in Path("r.html").read_text(encoding="utf-8")
    told = json.loads(cli(*arguments, "--facts", "facts.csv", "--json").stdout)["summary"]
    assert told["groups"] == {"speaker": 2, "noise recording": 3}
    gains = [float(b["si_sdr"]) - float(a["si_sdr"]) for a, b in zip(*[iter(rows("s.csv"))] * 2, strict=True)]
    found = told["differences"]["noisy"]["si_sdr"]
    assert found["mean"] == pytest.approx(np.mean(gains), abs=1e-3)
    assert [found["low"], found["high"]] == pytest.approx(
        two_way_interval(np.array(gains), ["anna", "anna", "bert", "bert"], ["fan", "rain", "fan", ""]), abs=0.02
    )
    assert_refused(cli(*arguments, "--facts", "facts.csv", "--group", "."), "--group", "both tell groups")
