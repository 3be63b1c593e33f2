"""Commands that make the training data and show it; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enhancer.errors import ConfigError, InputError
from training.places import default_data, default_pools, default_runs

if TYPE_CHECKING:
    from training.data.corpora import Recording
    from training.data.mixing import MixConfig
    from training.data.pools import Pools


def prepare(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with speech/INDEX.tsv and noise/INDEX.tsv (alone: ../shared/data)."),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:FOLDER",
            help="A corpus as unpacked (librispeech, vctk, voicebank, dns, musan) or any folder of speech, noise, noisy"
            " or paired. Repeat for several; the data folder is then read only if --data names it.",
        ),
    ] = None,
    list_corpora: Annotated[
        bool, typer.Option("--list-corpora", help="Say what each corpus should look like and how it is split.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where the pools go (default: runs/pools).")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Decoding processes.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Make them anew even if nothing changed.")] = False,
) -> None:
    """Decode every recording to memory-mapped pools, simulate rooms, store the fixed sets; instant if all is there.

    For example: training prepare --corpus librispeech:/data/LibriSpeech --corpus musan:/data/musan
    """
    from training.data import corpora, pools, rooms

    if list_corpora:
        _list_corpora()
        return
    out = out or default_pools()
    if data is None and not corpus:
        data = default_data()
    recordings = corpora.read_indexed(data) if data else []
    for found in corpora.read_corpora(corpus or []):
        print(f"{found.name} {_shown(found.folder)}: {found.summary()}")
        recordings += found.recordings
    recordings = corpora.settle(recordings)
    _check_splits(recordings)
    report = pools.prepare(
        data, recordings, out, processes=processes, again=again, progress=_progress("recordings decoded")
    )
    state = "made" if report.fresh else "already there"
    print(f"pools {state}: {_shown(out)}, {report.taken} recordings, {len(report.skipped)} skipped")
    for path, reason in report.skipped[:5]:
        print(f"  skipped {path}: {reason}")
    if len(report.skipped) > 5:
        print(f"  and {len(report.skipped) - 5} more: {_shown(out / 'skipped.tsv')}")
    made = pools.Pools(out)
    _print_pools(made)
    fresh = rooms.prepare(out, again=again, progress=_progress("rooms simulated"))
    print(f"  rooms {'made' if fresh else 'already there'}")
    _fix_sets(made, again)


def _list_corpora() -> None:
    from training.data.corpora import CORPORA

    print("--corpus NAME:FOLDER, for each NAME what the folder holds, looks like, and how it is split")
    for name, corpus in CORPORA.items():
        licence = f"\n               licence: {corpus.licence}" if corpus.licence else ""
        print(f"  {name:12} {corpus.holds}\n               {corpus.layout}\n               {corpus.splits}{licence}")
    print("Folders train/, val/ and test/ inside speech, noise, noisy and paired decide their splits instead.")
    print("Speakers are in one split only, whichever corpora they are in; fewer than 20 of a corpus all train.")


def _check_splits(recordings: Sequence[Recording]) -> None:
    """Says what is missing before hours are spent on decoding. Raises InputError if nothing could be trained on."""
    from training.data.pools import KINDS

    there = {(r.split, r.kind) for r in recordings}
    for kind in KINDS:
        if ("train", kind) not in there:
            raise InputError(f"there is no {kind} to train on", f"add --corpus {kind}:FOLDER or another with {kind}")
    for split in ("val", "test"):
        missing = [kind for kind in KINDS if (split, kind) not in there]
        if missing:
            print(f"warning: the {split} split has no {' and no '.join(missing)} (put some into folders named {split}"
                  " in a speech: or noise: corpus, or add a larger corpus)", file=sys.stderr)  # fmt: skip


def _print_pools(made: Pools) -> None:
    from training.data.categories import CATEGORY_WEIGHTS, UNSORTED
    from training.data.corpora import SPLITS
    from training.data.pools import RATES

    for kind in made.kinds:
        if kind == "paired_clean":
            continue
        for rate in RATES:
            pool = made.get(kind, rate)
            hours = ", ".join(f"{split} {pool.hours(split):.2f}" for split in SPLITS)
            print(f"  {kind} at {rate // 1000} kHz: {pool.hours():.2f} h in {len(pool.clips)} clips ({hours})")
    categories = {clip.category for clip in made.get("noise", 16000).clips}
    unweighted = sorted(categories - set(CATEGORY_WEIGHTS) - {UNSORTED})
    if unweighted:
        print(f"  noise drawn only if [mix.categories] of a config names it: {', '.join(unweighted)}")
    narrow = [kind for kind in ("speech", "noise") if not made.get(kind, 48000).hours("train")]
    if narrow:
        print(f"  no full-band {' or '.join(narrow)} to train on: set full_band_share = 0.0 in [batch]")


def _fix_sets(made: Pools, again: bool) -> None:
    """Stores the fixed sets of those splits that have what it takes."""
    from training.data import fixed_sets

    for split in ("val", "test"):
        try:
            fresh = fixed_sets.prepare(made, split, again=again)
        except InputError as error:
            print(f"warning: no fixed {split} set: {error.message}", file=sys.stderr)
            continue
        state = "made" if fresh else "already there"
        print(f"  fixed {split} set {state}: {fixed_sets.COUNT} mixtures, {fixed_sets.fixed_hash(made, split)}")


def listen(
    config: Annotated[
        str | None,
        typer.Option(help="Draw as this config does ([mix]): a TOML file, or a name from training/configs."),
    ] = None,
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
    mixer = mixing.Mixer(_mix_of(config), pools.Pools(data_pools or default_pools()), split, seed)
    for number, drawn in enumerate(listening.write_mixtures(mixer, out, count=count, seconds=seconds)):
        noise = " + ".join(n["category"] for n in drawn.get("noise", [])) or "no noise"
        snr = "" if drawn["snr_db"] is None else f" at {drawn['snr_db']:.1f} dB"
        print(f"{number:02d} {drawn['sample_rate'] // 1000} kHz, {drawn['speaker'] or 'no speech'}, {noise}{snr}")
    print(f"{count} pairs and contact_sheet.png in {_shown(out)}")


def _mix_of(config: str | None) -> MixConfig:
    """The [mix] of a config, the defaults without one; torch is loaded for the former only."""
    if config is None:
        from training.data.mixing import MixConfig

        return MixConfig()
    from training.config import load_config

    return load_config(config).mix


def _shown(path: Path) -> Path:
    """Relative to the current folder where possible: shorter to read, and to paste."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


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


def register(app: typer.Typer) -> None:
    """Adds this module's commands to the app."""
    for command in (prepare, listen):
        app.command()(command)
