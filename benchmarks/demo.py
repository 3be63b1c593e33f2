"""The demo: cleans the bundled recordings through the command line, scores them and draws the picture."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.clips import DEMO, ROOT, DemoClip, demo_clips, read
from benchmarks.picture import Panel, draw
from benchmarks.scores import Scores, mean, score
from benchmarks.tables import as_text, replace_block, score_cells, scores_table

README = ROOT / "README.md"
README_PICTURE = ROOT / "docs" / "images" / "demo.png"


def run(out: Path, *, write: bool = False) -> None:
    """Writes `out`/NAME.before.wav, NAME.after.wav and spectrograms.png, and prints the table.

    With `write` the table and the picture of the README are replaced too.
    """
    console = Console(highlight=False)
    clips = demo_clips()
    out.mkdir(parents=True, exist_ok=True)
    took = _denoise(out, console)
    rows = []
    with console.status("scoring"):
        for clip in clips:
            _write_before(clip, out)
            after = read(out / f"{clip.name}.after.wav")
            rows.append((clip, score(clip.noisy(), clip), score(after, clip), after))
    table = scores_table([(clip, before, after) for clip, before, after, _ in rows])
    console.print("\nscores before → after, against the clean recordings; more is better\n")
    console.print(table)
    seconds = sum(len(after) / clip.sample_rate for clip, _, _, after in rows)
    picture = out / "spectrograms.png"
    draw(
        [
            Panel(clip.title, clip.kind, _detail(before, after), clip.sample_rate, clip.noisy()[:, 0], samples[:, 0])
            for clip, before, after, samples in rows
        ],
        picture,
        columns=4,
        summary=_summary(mean(b for _, b, _, _ in rows), mean(a for _, _, a, _ in rows)),
    )
    console.print(f"\n{seconds:.0f} s of sound cleaned in {took:.1f} s, start-up included")
    console.print(f"listen: {out}/NAME.before.wav and NAME.after.wav\nlook:   {picture}", soft_wrap=True)
    if write:
        replace_block(README, "demo table", as_text(table))
        README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, README_PICTURE)


def _denoise(out: Path, console: Console) -> float:
    """Runs the command a person would type; returns its seconds."""
    source = DEMO / "noisy"
    shown = source.relative_to(ROOT) if Path.cwd() == ROOT else source
    arguments = ["denoise", str(shown), "-o", str(out / "{stem}.after.wav"), "--overwrite"]
    console.print(f"$ enhancer {shlex.join(arguments)}", soft_wrap=True)
    script = shutil.which("enhancer", path=str(Path(sys.executable).parent))
    start = time.perf_counter()
    done = subprocess.run([script or "enhancer", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip() or done.stdout.strip())
    return time.perf_counter() - start


def _write_before(clip: DemoClip, out: Path) -> None:
    import soundfile

    soundfile.write(out / f"{clip.name}.before.wav", clip.noisy(), clip.sample_rate, subtype="PCM_16")


def _detail(before: Scores, after: Scores) -> str:
    pesq, _, si_sdr = score_cells(before, after)
    return f"PESQ {pesq}    SI-SDR {' '.join(si_sdr.split())} dB"


def _summary(before: Scores, after: Scores) -> list[tuple[str, str, str]]:
    return [
        ("PESQ-WB", f"{before.pesq_wb:.2f}", f"{after.pesq_wb:.2f}"),
        ("ESTOI", f"{before.estoi:.2f}", f"{after.estoi:.2f}"),
        ("SI-SDR", f"{before.si_sdr:.1f} dB", f"{after.si_sdr:.1f} dB"),
    ]
