"""Videos and other files of ffmpeg: the picture stays bit for bit, the sound is replaced in place, the rest copied."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

av = pytest.importorskip("av", reason="PyAV (extra video) is not installed")

from enhancer.audio_io import open_audio  # noqa: E402
from enhancer.errors import InputError, OutputError  # noqa: E402
from enhancer.file_denoiser import Settings, denoise_file  # noqa: E402
from enhancer.media.types import Options  # noqa: E402


@pytest.fixture
def run(pass_model):
    """Sends a file through an engine that changes nothing."""

    def run(source: Path, target: Path, **options):
        return denoise_file(source, target, Settings(options=Options(**options)), pass_model)

    return run


def write_film(
    path: Path,
    *sounds: np.ndarray,
    codec: str = "aac",
    rate: int = 48_000,
    start_s: float = 0.0,
    gap_s: float = 0.0,
    picture: str | None = "mpeg4",
    cover: bool = False,
    chapters: bool = False,
    bitrate: int = 96_000,
) -> None:
    """A film of 3 s with one sound track for each of `sounds` ([n, channels])."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A title"
        film = None
        if picture:
            film = container.add_stream(picture, rate=25, width=64, height=48, pix_fmt="yuv420p")
        if cover:
            image = container.add_stream("png", rate=1, width=32, height=32, pix_fmt="rgb24")
            image.disposition = av.stream.Disposition.attached_pic.value
        tracks = []
        for number, sound in enumerate(sounds):
            layout = "mono" if sound.shape[1] == 1 else "stereo"
            tracks.append(container.add_stream(codec, rate=rate, layout=layout))
            if not codec.startswith(("pcm", "alac", "flac")):
                tracks[-1].bit_rate = bitrate
            tracks[-1].metadata["language"] = ("deu", "eng")[number]
        if chapters:
            base = Fraction(1, 1000)
            parts = [(0, 1500), (1500, 3000)]
            container.set_chapters(
                [
                    {"id": n, "start": start, "end": end, "time_base": base, "metadata": {"title": f"part {n}"}}
                    for n, (start, end) in enumerate(parts)
                ]
            )
        if cover:
            container.mux(
                image.encode(av.VideoFrame.from_ndarray(rng.integers(0, 256, (32, 32, 3), np.uint8), "rgb24"))
            )
            container.mux(image.encode(None))
        for n in range(75 if film else 0):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (48, 64, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            container.mux(film.encode(frame))
        if film:
            container.mux(film.encode(None))
        for track, sound in zip(tracks, sounds, strict=True):
            half = len(sound) // 2
            for at, part in ((0, sound[:half]), (half + round(gap_s * rate), sound[half:])):
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part.reshape(1, -1)), "flt", track.layout.name)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = round(start_s * rate) + at
                container.mux(track.encode(frame))
            container.mux(track.encode(None))


def packets(path: Path) -> list[tuple[bytes, float | None]]:
    """All packets of the picture (or cover): bytes and time."""
    with av.open(str(path)) as container:
        found = [packet for packet in container.demux(video=0) if packet.size]
        return [(bytes(p), None if p.pts is None else float(p.pts * p.time_base)) for p in found]


def sound_of(path: Path, track: int = 0) -> tuple[np.ndarray, float]:
    """First channel of a track, and when it starts."""
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.audio[track]))
    arrays = [frame.to_ndarray() for frame in frames]
    scale = {"s16": 2.0**15, "s32": 2.0**31}.get(frames[0].format.packed.name, 1.0)
    channels = frames[0].layout.nb_channels
    first = [a[0] if frame.format.is_planar else a[0, ::channels] for a, frame in zip(arrays, frames, strict=True)]
    return np.concatenate(first) / scale, float(frames[0].pts * frames[0].time_base)


def assert_same_picture(target: Path, source: Path) -> float:
    """Bit for bit the same packets, evenly spaced; returns by how many seconds all of them are later.

    Containers without negative times move everything by the encoder's start-up, sound and picture alike.
    """
    after, before = packets(target), packets(source)
    assert [data for data, _ in after] == [data for data, _ in before]
    shifts = np.array([b - a for (_, b), (_, a) in zip(after, before, strict=True)])
    assert np.abs(shifts - shifts[0]).max() <= 0.0011  # Matroska counts in milliseconds
    assert abs(shifts[0]) < 0.05
    return float(shifts[0])


def lag(a: np.ndarray, b: np.ndarray) -> int:
    """By how many samples `a` is later than `b`."""
    size = 2 * max(len(a), len(b))
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)))
    best = int(np.argmax(products))
    return best if best < size // 2 else best - size


FILMS = [
    ("mp4", "aac", 48_000, 2),
    ("mp4", "aac", 44_100, 1),
    ("mov", "pcm_s16le", 48_000, 2),
    ("mkv", "flac", 48_000, 1),
    ("mkv", "libopus", 48_000, 2),
    ("webm", "libopus", 48_000, 1),
]


@pytest.mark.parametrize(("suffix", "codec", "rate", "channels"), FILMS)
def test_the_picture_stays_bit_for_bit_and_the_sound_in_place(
    tmp_path, run, speech_like, suffix, codec, rate, channels
):
    picture = "libvpx" if suffix == "webm" else "mpeg4"
    if picture not in av.codecs_available:
        pytest.skip(f"this PyAV cannot make the test film (no {picture})")
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    write_film(source, speech_like(rate, 3, channels=channels), codec=codec, rate=rate, picture=picture)
    run(source, target)
    assert len(packets(source)) == 75
    shift = assert_same_picture(target, source)
    (before, start_before), (after, start_after) = sound_of(source), sound_of(target)
    assert start_after == pytest.approx(start_before + shift, abs=0.002)
    assert lag(after, before) == 0
    assert abs(len(after) - len(before)) <= 2048  # padding of the last packet
    with av.open(str(source)) as a, av.open(str(target)) as b:
        for one in (a, b):
            stream = one.streams.audio[0]
            assert (stream.codec_context.name, stream.rate, stream.channels) == (
                codec.removeprefix("lib"), rate, channels,
            )  # fmt: skip
            assert stream.metadata.get("language") == "deu" or suffix == "mov"
            assert one.metadata["title"] == "A title"
        assert b.duration == pytest.approx(a.duration, abs=30_000)


def test_every_sound_track_of_a_film_is_cleaned(tmp_path, run, speech_like):
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_film(source, speech_like(48_000, 3, channels=1), speech_like(48_000, 3, seed=5, channels=2))
    report = run(source, target)
    assert report.notes == []
    shift = assert_same_picture(target, source)
    for track in (0, 1):
        (before, start_before), (after, start_after) = sound_of(source, track), sound_of(target, track)
        # Some decoders keep the encoder's start-up as silence; what counts is when a sound is heard.
        moved = start_after - start_before + lag(after, before) / 48_000
        assert moved == pytest.approx(shift, abs=0.002)
    with av.open(str(target)) as container:
        assert [stream.metadata["language"] for stream in container.streams.audio] == ["deu", "eng"]


def test_sound_that_starts_late_or_pauses_stays_with_the_picture(tmp_path, run, speech_like):
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_film(source, speech_like(48_000, 2, channels=1), codec="pcm_s16le", start_s=0.4, gap_s=0.5)
    run(source, target)
    (_, start_before), (after, start_after) = sound_of(source), sound_of(target)
    assert start_after == pytest.approx(start_before, abs=0.002)
    assert start_before == pytest.approx(0.4, abs=0.002)
    gap = after[round(1.05 * 48_000) : round(1.45 * 48_000)]
    assert len(after) == pytest.approx(2.5 * 48_000, abs=200)
    assert np.abs(gap).max() < 1e-3


@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("m4a", "alac"), ("mka", "flac")])
def test_sound_files_keep_cover_chapters_and_title(tmp_path, run, speech_like, suffix, codec):
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    sound = speech_like(48_000, 3, channels=2)
    if suffix == "m4a":  # the film's maker needs a container that takes the cover
        write_film(tmp_path / "in.mp4", sound, codec=codec, picture=None, cover=True, chapters=True)
        (tmp_path / "in.mp4").rename(source)
    else:
        write_film(source, sound, codec=codec, picture=None, chapters=True)
    run(source, target)
    with av.open(str(source)) as a, av.open(str(target)) as b:
        assert b.metadata["title"] == "A title"
        assert [chapter["metadata"]["title"] for chapter in b.chapters()] == ["part 0", "part 1"]
        assert [c["start"] * c["time_base"] for c in a.chapters()] == [
            c["start"] * c["time_base"] for c in b.chapters()
        ]
        assert b.streams.audio[0].codec_context.name == codec
    if suffix == "m4a":
        assert packets(target) == packets(source)


@pytest.mark.parametrize(
    ("codec", "sample_format"), [("pcm_s24le", "PCM_24"), ("pcm_s32le", "PCM_32"), ("pcm_f32le", "FLOAT")]
)
def test_sample_formats_survive_in_films_and_out_of_them(tmp_path, run, speech_like, codec, sample_format):
    source, target, wav = tmp_path / "in.mov", tmp_path / "out.mov", tmp_path / "out.wav"
    sound = speech_like(48_000, 1, channels=2)
    write_film(source, sound, codec=codec)
    run(source, target)
    run(source, wav)
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.name == codec
    assert soundfile.info(wav).subtype == sample_format
    assert np.abs(soundfile.read(wav)[0] - sound).max() < 1e-5
    assert np.abs(sound_of(target)[0] - sound[:, 0]).max() < 1e-5


def test_lossy_tracks_keep_their_bit_rate_or_take_another(tmp_path, run, speech_like):
    rng = np.random.default_rng(3)
    sound = (0.2 * rng.standard_normal((48_000 * 3, 2))).astype(np.float32)
    source = tmp_path / "in.mp4"
    write_film(source, sound, bitrate=160_000)
    run(source, tmp_path / "same.mp4")
    run(source, tmp_path / "less.mp4", bitrate=64_000)
    rates = {}
    for name in ("in", "same", "less"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            rates[name] = sum(packet.size for packet in container.demux(audio=0)) * 8 / 3
    assert rates["same"] == pytest.approx(rates["in"], rel=0.15)
    assert rates["less"] == pytest.approx(64_000, rel=0.2)


def test_the_sound_of_a_film_becomes_a_file_of_its_own(tmp_path, run, speech_like):
    source, target = tmp_path / "in.mp4", tmp_path / "out.flac"
    write_film(source, speech_like(44_100, 3, channels=1), rate=44_100)
    run(source, target)
    info = soundfile.info(target)
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_16")
    assert info.frames == 3 * 44_100
    with soundfile.SoundFile(target) as file:
        assert file.title == "A title"


def test_a_wav_becomes_m4a(tmp_path, run, speech_like):
    source, target = tmp_path / "in.wav", tmp_path / "out.m4a"
    sound = speech_like(48_000, 2)
    soundfile.write(source, sound, 48_000)
    run(source, target)
    assert lag(sound_of(target)[0], sound) == 0


def test_a_film_without_sound_is_refused_in_one_line(tmp_path, run):
    source = tmp_path / "in.mp4"
    write_film(source)
    with pytest.raises(InputError, match="no sound track"):
        run(source, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_film_that_is_cut_off_is_refused_and_can_be_salvaged(tmp_path, run, speech_like):
    whole, source = tmp_path / "whole.mkv", tmp_path / "in.mkv"
    write_film(whole, speech_like(48_000, 3, channels=1), codec="flac", picture=None)
    data = whole.read_bytes()
    source.write_bytes(data[: len(data) // 3])
    with pytest.raises(InputError, match="cut off"):
        run(source, tmp_path / "out.mkv")
    report = run(source, tmp_path / "out.mkv", salvage=True)
    assert any("cut off" in note for note in report.notes)
    assert 0.3 < report.audio_seconds < 2


def test_a_suffix_that_nobody_writes_is_refused(tmp_path, run, speech_like):
    source = tmp_path / "in.mp4"
    write_film(source, speech_like(48_000, 3, channels=1))
    for name in ("out.xyz", "out"):
        with pytest.raises(OutputError, match="cannot tell"):
            run(source, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_without_pyav_a_film_needs_one_clear_line(tmp_path, monkeypatch):
    path = tmp_path / "in.mp4"
    path.write_bytes(b"anything")
    monkeypatch.setattr("enhancer.audio_io.have_video_extra", lambda: False)
    with pytest.raises(InputError, match="PyAV") as caught:
        open_audio(path)
    assert "pip install 'enhancer[video]'" in caught.value.hint
