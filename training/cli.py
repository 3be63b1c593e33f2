"""The `training` command: one subcommand a step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from enhancer.errors import ConfigError, UserError
from training import ablate_commands, adapt_commands, evaluate_commands, run_commands
from training.places import default_data, default_pools, default_runs
from training.teachers.commands import app as teachers_app


class _App(typer.Typer):
    """A mistake of the user's becomes one clear line and exit code 2, whoever calls the app."""

    def __call__(self, *args, **kwargs):
        try:
            return super().__call__(*args, **kwargs)
        except UserError as error:
            print(f"error: {error}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
            sys.exit(2)


app = _App(no_args_is_help=True, add_completion=False, help="Train speech-enhancement networks.")
app.add_typer(teachers_app, name="teachers")


@app.callback()
def _steps() -> None:
    """Train speech-enhancement networks, one command a step."""


def _shown(path: Path) -> Path:
    """Relative to the current folder where possible: shorter to read, and to paste."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


@app.command()
def prepare(
    data: Annotated[Path | None, typer.Option(help="Folder with speech/ and noise/ (default: ../shared/data).")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the pools go (default: runs/pools).")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Decoding processes.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Make them anew even if nothing changed.")] = False,
) -> None:
    """Decode every recording to memory-mapped pools, simulate rooms, store the fixed sets; instant if all is there."""
    from training.data import corpora, fixed_sets, pools, rooms

    data, out = data or default_data(), out or default_pools()
    report = pools.prepare(
        data,
        corpora.read_indexed(data),
        out,
        processes=processes,
        again=again,
        progress=_progress("recordings decoded"),
    )
    state = "made" if report.fresh else "already there"
    print(f"pools {state}: {_shown(out)}, {report.taken} recordings, {len(report.skipped)} skipped")
    for path, reason in report.skipped[:5]:
        print(f"  skipped {path}: {reason}")
    if len(report.skipped) > 5:
        print(f"  and {len(report.skipped) - 5} more: {_shown(out / 'skipped.tsv')}")
    made = pools.Pools(out)
    for kind in pools.KINDS:
        for rate in pools.RATES:
            pool = made.get(kind, rate)
            hours = ", ".join(f"{split} {pool.hours(split):.2f}" for split in corpora.SPLITS)
            print(f"  {kind} at {rate // 1000} kHz: {pool.hours():.2f} h in {len(pool.clips)} clips ({hours})")
    fresh = rooms.prepare(out, again=again, progress=_progress("rooms simulated"))
    print(f"  rooms {'made' if fresh else 'already there'}")
    for split in ("val", "test"):
        fresh = fixed_sets.prepare(made, split, again=again)
        state = "made" if fresh else "already there"
        print(f"  fixed {split} set {state}: {fixed_sets.COUNT} mixtures, {fixed_sets.fixed_hash(made, split)}")


@app.command()
def listen(
    out: Annotated[Path | None, typer.Option(help="Folder to write to (default: runs/listen).")] = None,
    count: Annotated[int, typer.Option(min=1, max=200, help="Number of mixtures.")] = 18,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="Length of each.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Another seed, other mixtures.")] = 1,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    data_pools: Annotated[Path | None, typer.Option("--pools", help="Pools of `training prepare`.")] = None,
) -> None:
    """Write random mixtures (noisy and target), what was drawn, and a contact sheet of spectrograms."""
    from training.data import corpora, listening, mixing, pools

    if split not in corpora.SPLITS:
        raise ConfigError(f"unknown split {split!r}", "train, val or test")
    out = out or default_runs() / "listen"
    mixer = mixing.Mixer(mixing.MixConfig(), pools.Pools(data_pools or default_pools()), split, seed)
    for number, drawn in enumerate(listening.write_mixtures(mixer, out, count=count, seconds=seconds)):
        noise = " + ".join(n["category"] for n in drawn.get("noise", [])) or "no noise"
        snr = "" if drawn["snr_db"] is None else f" at {drawn['snr_db']:.1f} dB"
        print(f"{number:02d} {drawn['sample_rate'] // 1000} kHz, {drawn['speaker'] or 'no speech'}, {noise}{snr}")
    print(f"{count} pairs and contact_sheet.png in {_shown(out)}")


def _progress(what: str) -> Callable[[int, int], None]:
    """One line that rewrites itself on a terminal, every tenth elsewhere."""
    terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        if done % max(1, total // (200 if terminal else 10)) == 0 or done == total:
            print(
                f"{done} of {total} {what}",
                end="\r" if terminal and done < total else "\n",
                file=sys.stderr,
                flush=True,
            )

    return show


run_commands.register(app)
evaluate_commands.register(app)
ablate_commands.register(app)
adapt_commands.register(app)


if __name__ == "__main__":
    app()
