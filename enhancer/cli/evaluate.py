"""`enhancer evaluate`: its options and its help. What it does is in `evaluate_run`, loaded when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from enhancer.cli.model_option import model_option
from enhancer.cli.optional_values import OptionalValues
from enhancer.cli.ray_option import ray_option

_WHAT, _HOW, _SHOW = "What is compared", "How", "What is written and shown"

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command("evaluate", cls=OptionalValues, context_settings={"help_option_names": ["-h", "--help"]})
def command(
    clean: Annotated[
        Path | None,
        typer.Option("--clean", metavar="DIR", rich_help_panel=_WHAT, help="The clean recordings: a folder or a file."),
    ] = None,
    noisy: Annotated[
        Path | None,
        typer.Option(
            "--noisy", metavar="DIR", rich_help_panel=_WHAT, help="The noisy ones; denoised here without --enhanced."
        ),
    ] = None,
    enhanced: Annotated[
        Path | None,
        typer.Option(
            "--enhanced", metavar="DIR", rich_help_panel=_WHAT, help="What some system made of them: scored as it is."
        ),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(
            "--peers",
            metavar="NAMES|all|none",
            rich_help_panel=_WHAT,
            help="Send the noisy files through other systems too, such as rnnoise,gtcrn (`enhancer peers list` names "
            "them), or all that are here.",
        ),
    ] = None,
    dnsmos: Annotated[
        bool,
        typer.Option(
            "--dnsmos",
            rich_help_panel=_HOW,
            help="Measure DNSMOS P.835 and P.808 too, which take no notice of the clean files; alone and always on "
            "without --clean. Needs the extra dnsmos.",
        ),
    ] = False,
    words: Annotated[
        str | None,
        typer.Option(
            "--words",
            metavar="[RECOGNISER]",
            rich_help_panel=_HOW,
            help="Measure the word error rate too, against what the same recogniser hears in the clean file: "
            "pocketsphinx (English, extra words) when none is named, or MODULE:NAME of any other, see "
            "docs/evaluation.md.",
        ),
    ] = None,
    align: Annotated[
        bool,
        typer.Option(
            "--align",
            rich_help_panel=_HOW,
            help="Find delays up to 100 ms by cross-correlation and score what both files have; else files of "
            "different lengths are refused.",
        ),
    ] = False,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="REGEX",
            rich_help_panel=_HOW,
            help="What in a file's name tells its speaker or recording, such as '^p[0-9]+': intervals and tests are "
            "over these groups then, because files of one group are not independent.",
        ),
    ] = None,
    attenuation_limit: Annotated[
        float | None,
        typer.Option(
            "--attenuation-limit", "-a", metavar="DB", min=0.0, rich_help_panel=_HOW, help="As for enhancer denoise."
        ),
    ] = None,
    model: Annotated[str | None, model_option(_HOW)] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=256,
            rich_help_panel=_HOW,
            help="Files at the same time: 1 when left out, with --ray as many as there are cores.",
        ),
    ] = None,
    ray: Annotated[str | None, ray_option(_HOW)] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            rich_help_panel=_SHOW,
            help="Write one row a file and system. What is scored is kept in FILE.jsonl beside it, so that a run that "
            "was stopped goes on.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", rich_help_panel=_SHOW, help="Write scores.csv and scores.json into a folder."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            rich_help_panel=_SHOW,
            help="Write one page that opens offline: means, distributions, groups, every file, and the best, median "
            "and worst to look at and to listen to.",
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            metavar="REGEX",
            rich_help_panel=_SHOW,
            help="What in a file's name tells its category, such as the noise, for --report: its first bracket, or all "
            "of it. Else its first sub-folder.",
        ),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(
            "--facts",
            metavar="FILE",
            rich_help_panel=_HOW,
            help="A table (CSV or TSV) that tells of the files: the column file, and any of speaker and noise (the "
            "recording), over which intervals and tests are then, and category and snr, for --report.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=_SHOW, help="Print one JSON object, not a table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=_SHOW, help="Show errors only.")] = False,
) -> None:
    """Score enhanced speech against clean recordings: PESQ, STOI, SI-SDR, composite measures and more.

    Files pair by their names without extension, sub-folders included. Needs the extra eval. Without clean recordings,
    DNSMOS rates the files by themselves (extra dnsmos).

    [bold]Examples[/bold]

      enhancer evaluate --clean clean/ --noisy noisy/

      enhancer evaluate --clean clean/ --noisy noisy/ --enhanced theirs/ --align --out results/

      enhancer evaluate --clean clean/ --noisy noisy/ --csv scores.csv --jobs 4

      enhancer evaluate --clean clean/ --noisy noisy/ --peers deepfilternet3,rnnoise

      enhancer evaluate --clean clean/ --noisy noisy/ --report report.html

      enhancer evaluate --clean clean/ --noisy noisy/ --dnsmos --words

      enhancer evaluate --noisy noisy/

    [bold]Exit code[/bold]: 0 done, 1 some files failed or had no partner, 2 wrong use or nothing could be done, 130
    interrupted (what is scored is kept).
    """
    from enhancer.cli.evaluate_request import Request
    from enhancer.cli.evaluate_run import run

    request = Request(
        clean=clean,
        noisy=noisy,
        enhanced=enhanced,
        peers=peers,
        dnsmos=dnsmos,
        words=words,
        align=align,
        group=group,
        attenuation_limit=attenuation_limit,
        model=model,
        jobs=jobs,
        ray=ray,
        csv=csv,
        out=out,
        report=report,
        category=category,
        facts=facts,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(run(request))
