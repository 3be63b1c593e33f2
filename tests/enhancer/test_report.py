"""The page of `enhancer evaluate --report`: what it says, that it opens offline, and that no name can break it."""

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.evaluation.facts import Facts, bands, known_facts
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.report import Material, examples, page
from enhancer.evaluation.scoring import ENHANCED, NOISY, OURS, Method, Outcome
from enhancer.evaluation.summary import summarise
from tests.refusals import assert_refused

RATE = 16_000
CLEAN = soundfile.read(Path(__file__).parent.parent / "data" / "speech_16k_female.flac")[0][: int(1.2 * RATE)]
# What a careless page would run, close or fold; Windows has no such names.
NAMES = ["a", "b", "c"] if os.name == "nt" else ["<script>alert(1)<script>", "\"&'", "${x} </title> -->"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """A folder with clean/, noisy/, enhanced/ of three files, and the scores and the report of them."""
    folder = tmp_path_factory.mktemp("scored")
    rng = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        noise = 0.02 * rng.standard_normal(CLEAN.size)
        for kind, sound in {
            "clean": CLEAN, "noisy": CLEAN + noise, "enhanced": CLEAN + noise * (0.1, 0.5, 0.9)[number],
        }.items():  # fmt: skip
            path = folder / kind / f"{name}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, sound, RATE)
    result = evaluate(folder)
    assert result.exit_code == 0
    assert "report: " in result.stdout
    return folder


def evaluate(folder: Path, *arguments: str):
    """`enhancer evaluate` over the folder's three sub-folders."""
    places = [text for kind in ("clean", "noisy", "enhanced") for text in (f"--{kind}", str(folder / kind))]
    more = ["--csv", str(folder / "scores.csv"), "--report", str(folder / "report.html"), *arguments]
    return CliRunner().invoke(app, ["evaluate", *places, *more], catch_exceptions=False)


@pytest.fixture(scope="module")
def html(scored) -> str:
    return (scored / "report.html").read_text(encoding="utf-8")


def parsed(html: str) -> ElementTree.Element:
    """The page as XML, which is stricter about what is open and closed than any browser; style and script emptied."""
    html = re.sub(r"(<(script|style)>).*?(</\2>)", r"\1\3", html.removeprefix("<!DOCTYPE html>"), flags=re.S)
    return ElementTree.fromstring(html)


def text_of(root: ElementTree.Element) -> str:
    return " ".join(" ".join(root.itertext()).split())


def test_the_page_is_well_formed_and_loads_nothing(html):
    root = parsed(html)
    links = [value for e in root.iter() for key, value in e.attrib.items() if key in ("src", "href")]
    assert len(links) > 20
    assert [link for link in links if not link.startswith(("data:", "#"))] == []
    assert "://" not in html
    assert "url(" not in html
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert len(html) < 2e6


def test_only_the_page_s_own_script_and_style_may_run(html):
    policy = next(e.attrib["content"] for e in parsed(html).iter("meta") if "http-equiv" in e.attrib)
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\sstyle=|\son[a-z]+=", html)


def test_names_are_shown_as_they_are_and_never_markup(html):
    root = parsed(html)
    rows = next(e for e in root.iter("table") if e.attrib.get("class") == "files").find("tbody")
    assert sorted(row.findtext("th/bdi") for row in rows) == sorted(NAMES)
    assert [e.findtext("h3/bdi") for e in root.iter("article")] == NAMES  # best, median, worst
    assert [e.findtext("h3/span") for e in root.iter("article")] == ["Best: ", "Median: ", "Worst: "]
    assert len(list(root.iter("script"))) == 1


def test_every_picture_has_words_and_every_table_headings(html):
    root = parsed(html)
    pictures = [e for e in root.iter("svg") if e.attrib.get("aria-hidden") != "true"]
    assert len(pictures) == 11 + 3 + 9  # distributions, files before against after, spectrograms
    assert all(e.attrib["role"] == "img" and len(e.attrib["aria-label"]) > 20 for e in pictures)
    for table in root.iter("table"):
        assert text_of(table.find("caption"))
        assert all("scope" in heading.attrib for heading in table.iter("th"))
    assert [e.tag for e in root.find("body").iter() if re.fullmatch("h[1-6]", e.tag)][:2] == ["h1", "h2"]
    assert all(e.attrib["aria-label"] for e in root.iter("audio"))


def test_scores_are_those_of_the_json(scored, html):
    import json

    result = evaluate(scored, "--json")
    summary = json.loads(result.stdout)["summary"]
    said = text_of(parsed(html))
    for key, digits in (("pesq_wb", 2), ("estoi", 3), ("si_sdr", 2)):
        before, after = (f"{summary['systems'][s][key]['mean']:.{digits}f}" for s in ("noisy", "enhanced"))
        assert f"{before} → {after}" in said
        assert f"{summary['differences']['noisy'][key]['mean']:+.{digits}f}" in said
    assert "better in 3 of 3 files" in said


def test_sounds_are_the_files_and_in_step(scored, html):
    for article in parsed(html).iter("article"):
        name = article.findtext("h3/bdi")
        audios = [(e.attrib["aria-label"], e.attrib["src"]) for e in article.iter("audio")]
        assert [label for label, _ in audios] == ["noisy", "enhanced", "clean"]
        for label, source in audios:
            sound, rate = soundfile.read(io.BytesIO(base64.b64decode(source.removeprefix("data:audio/flac;base64,"))))
            there, _ = soundfile.read(scored / label / f"{name}.flac")
            assert rate == RATE
            np.testing.assert_allclose(sound, there, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_runs_it_without_an_error(scored, tmp_path):
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
        f"--user-data-dir={tmp_path}", (scored / "report.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert done.stdout.count('class="card player ready"') == 3
    assert 'disabled=""' not in done.stdout  # headings sort
    assert done.stdout.count("<script") == 1


def test_a_report_is_written_again_but_nothing_else_is_replaced(scored, tmp_path):
    assert evaluate(scored, "--quiet").exit_code == 0
    mine = tmp_path / "mine.html"
    mine.write_text("<html>my own page</html>")
    assert_refused(evaluate(scored, "--report", str(mine)), "mine.html exists already and is no report of ours")
    assert mine.read_text() == "<html>my own page</html>"
    assert_refused(evaluate(scored, "--report", str(tmp_path)), "is a folder")


def test_options_of_the_report_need_one(scored):
    arguments = ["evaluate", "--clean", str(scored / "clean"), "--noisy", str(scored / "noisy"), "--category", "."]
    assert_refused(CliRunner().invoke(app, arguments), "--category is for a report")


def test_what_could_not_be_scored_and_whose_sound_is_gone_is_said(scored, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(scored, folder)
    assert evaluate(folder, "--quiet").exit_code == 0
    worst = folder / "enhanced" / f"{NAMES[2]}.flac"
    seen = worst.stat()
    worst.write_bytes(b"x" * seen.st_size)
    os.utime(worst, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # as if it broke unseen: its scores still count
    soundfile.write(folder / "clean" / "alone.wav", CLEAN, RATE)
    assert evaluate(folder, "--quiet").exit_code == 1
    root = parsed((folder / "report.html").read_text(encoding="utf-8"))
    assert "alone.wav has no partner in every folder" in text_of(root.find(".//aside"))
    articles = list(root.iter("article"))
    assert [len(list(e.iter("audio"))) for e in articles] == [3, 3, 0]
    assert "No sound to show: " in text_of(articles[2])


def material(pairs: list[Pair], scores: dict[str, list[dict[str, float]]], ours: str = ENHANCED, **more) -> Material:
    """What a report is made of, from scores by system, one entry a pair."""
    outcomes = [
        Outcome(pair.name, system, 2.0, RATE, 1, values)
        for system, found in scores.items()
        for pair, values in zip(pairs, found, strict=True)
    ]
    summary = summarise(outcomes, list(scores), ours)
    return Material(summary, outcomes, pairs, more.pop("method", Method()), {}, {}, "enhancer evaluate", "now", **more)


def test_thousands_of_files_stay_a_small_page():
    rng = np.random.default_rng(0)
    pairs = [Pair(f"folder{n % 5}/some_recording_{n}", Path(f"gone{n}")) for n in range(3000)]
    scores = {
        NOISY: [{"pesq_wb": v, "si_sdr": 5 * v} for v in rng.uniform(1, 3, len(pairs))],
        ENHANCED: [{"pesq_wb": v, "si_sdr": 5 * v} for v in rng.uniform(2, 4, len(pairs))],
    }
    html = page.page(material(pairs, scores, facts=known_facts([p.name for p in pairs], None, None)))
    assert len(html) < 2e6
    said = text_of(parsed(html))
    assert "The 1000 with the least and the 1000 with the most gain are here" in said
    assert "gone" in said
    assert said.count("No sound to show") == 3
    assert "By category" in said


def test_one_file_and_no_noisy_files_make_a_page_too():
    html = page.page(material([Pair("a", Path("gone"))], {ENHANCED: [{"pesq_wb": 2.0, "stoi": float("nan")}]}))
    said = text_of(parsed(html))
    assert "Only file: a" in said
    assert "gain" not in said


def test_a_stopped_run_says_how_much_is_missing():
    pairs = [Pair(name, Path("gone")) for name in "abc"]
    some = material(pairs[:1], {ENHANCED: [{"pesq_wb": 2.0}]})
    html = page.page(Material(some.summary, some.outcomes, pairs, Method(), {}, {}, "", "", stopped=True))
    assert "The run was stopped: 2 of 3 files are not scored yet." in text_of(parsed(html))


def test_of_a_long_file_the_loudest_seconds_are_cut_alike_and_denoised_as_in_the_whole(tmp_path, build_model):
    rng = np.random.default_rng(1)
    noisy = 0.01 * rng.standard_normal(60 * RATE)
    clean = 0.1 * noisy
    clean[45 * RATE : 50 * RATE] *= 50
    for name, sound in (("clean", clean), ("noisy", noisy)):
        soundfile.write(tmp_path / f"{name}.flac", sound, RATE)
    pair = Pair("a", tmp_path / "clean.flac", tmp_path / "noisy.flac")
    scores = {NOISY: [{"pesq_wb": 1.0}], OURS: [{"pesq_wb": 2.0}]}
    (found,) = examples.examples(material([pair], scores, OURS, method=Method(model=build_model("pass"))))
    assert 40 <= found.begin_s <= 45
    assert (found.seconds, found.whole_s) == (10, 60)
    sounds = {v.system: soundfile.read(io.BytesIO(v.sound))[0] for v in found.versions}
    begin = round(found.begin_s * RATE)
    np.testing.assert_allclose(sounds[NOISY], noisy[begin : begin + 10 * RATE], atol=1e-4)
    np.testing.assert_allclose(sounds[OURS], sounds[NOISY], atol=1e-3)  # the model changes nothing


def test_a_delay_that_was_taken_off_for_the_scores_is_taken_off_for_the_ear(tmp_path):
    rng = np.random.default_rng(1)
    sound = 0.1 * rng.standard_normal(3 * RATE)
    soundfile.write(tmp_path / "clean.wav", sound, RATE)
    soundfile.write(tmp_path / "enhanced.wav", np.concatenate([np.zeros(800), sound]), RATE)
    pair = Pair("a", tmp_path / "clean.wav", None, tmp_path / "enhanced.wav")
    (found,) = examples.examples(material([pair], {ENHANCED: [{"pesq_wb": 2.0}]}, method=Method(align=True)))
    one, other = (soundfile.read(io.BytesIO(version.sound))[0] for version in found.versions)
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_categories_and_snrs_are_told_by_names(tmp_path):
    names = ["babble/x_snr-5", "babble/y_snr0", "music/z_snr0"]
    facts = known_facts(names, None, None)
    assert facts.categories == dict(zip(names, ["babble", "babble", "music"], strict=True))
    assert list(facts.snrs_db.values()) == [-5, 0, 0]
    assert known_facts(["a_-5dB", "b_10 dB"], None, None).snrs_db == {"a_-5dB": -5, "b_10 dB": 10}
    assert known_facts(["babble-5dB", "babble-10dB"], None, None) == Facts()  # minus, or a hyphen?
    assert set(known_facts(names, "/(.)", None).categories.values()) == {"x", "y", "z"}


def test_categories_and_snrs_are_told_by_a_table(scored, tmp_path):
    table = tmp_path / "facts.tsv"
    table.write_text("file\tcategory\tsnr\nsub/a.wav\train\t5\nsub/b\twind\t\nother\tx\t1\n")
    facts = known_facts(["sub/a", "sub/b"], None, table)
    assert facts.categories == {"sub/a": "rain", "sub/b": "wind"}
    assert facts.snrs_db == {"sub/a": 5.0}
    table.write_text("file,snr\nsub/a,loud\n")
    assert_refused(evaluate(scored, "--facts", str(table)), "tells of none of the files")
    table.write_text(f'file,snr\n"{NAMES[0]}",loud\n')
    assert_refused(evaluate(scored, "--facts", str(table)), "line 2 of", "loud is no SNR in dB")
    table.write_text("name,snr\n")
    assert_refused(evaluate(scored, "--facts", str(table)), "has no column file")
    assert_refused(evaluate(scored, "--category", "["), "--category [ is no regular expression")


def test_bands_hold_every_file_once_and_in_order():
    values = dict(zip("abcdefghij", np.linspace(-7, 22, 10).tolist(), strict=True)) | {"k": float("nan")}
    found = bands(values, list(values))
    assert [group.label for group in found][:2] == ["−10 to −5 dB", "−5 to 0 dB"]
    assert [name for group in found for name in group.names] == list("abcdefghij")
    assert [group.label for group in bands({"a": 5.0, "b": -5.0, "c": 5.0}, list("abc"))] == ["−5 dB", "5 dB"]
    assert [group.label for group in bands({"a": 7.13, "b": 8.21}, list("ab"))] == ["5 to 10 dB"]  # measured


def test_words_stand_out_from_their_ground_in_light_and_dark():
    style = Path(page.__file__).with_name("page.css").read_text(encoding="utf-8")
    for scheme in re.findall(r":root \{(.*?)\}", style, flags=re.S):
        colours = {name: luminance(value) for name, value in re.findall(r"--(\w+): (#\w+)", scheme)}
        for ground in ("page", "card"):
            for ink in ("ink", "quiet", "before", "after", "clean"):
                dark, light = sorted((colours[ground], colours[ink]))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)  # WCAG 2.2, AA


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb as WCAG has it."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
