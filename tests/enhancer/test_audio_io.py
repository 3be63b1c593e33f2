"""Files keep what they are: rate, channels, sample format, length, alignment and bit rate, in every format."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.audio_io import open_audio
from enhancer.errors import ConfigError, OutputError
from enhancer.file_denoiser import Settings, denoise_file
from enhancer.media.bitrate import parse_bitrate
from enhancer.media.formats import nearest_rate
from enhancer.media.quantise import Quantiser
from enhancer.media.raw import RAW_FORMATS, Encoder, decode, parse_raw_format
from enhancer.media.types import Options


@pytest.fixture
def run(pass_model):
    """Sends a file through an engine that changes nothing."""

    def run(source: Path, target: Path, **options):
        return denoise_file(source, target, Settings(options=Options(**options)), pass_model)

    return run


def lag(a: np.ndarray, b: np.ndarray) -> int:
    """By how many samples `a` is later than `b`."""
    size = 2 * max(len(a), len(b))
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)))
    best = int(np.argmax(products))
    return best if best < size // 2 else best - size


STEP = {"PCM_U8": 2**-7, "PCM_S8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "ULAW": 0.04, "ALAW": 0.04}
LOSSLESS = [
    ("wav", "WAV", "PCM_U8"),
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "PCM_24"),
    ("wav", "WAV", "PCM_32"),
    ("wav", "WAV", "FLOAT"),
    ("wav", "WAV", "DOUBLE"),
    ("wav", "WAV", "ULAW"),
    ("wav", "WAVEX", "PCM_24"),
    ("wav", "RF64", "PCM_16"),
    ("w64", "W64", "PCM_16"),
    ("flac", "FLAC", "PCM_16"),
    ("flac", "FLAC", "PCM_24"),
    ("aiff", "AIFF", "PCM_16"),
    ("aiff", "AIFF", "FLOAT"),
    ("au", "AU", "PCM_16"),
    ("caf", "CAF", "PCM_24"),
    ("caf", "CAF", "ALAC_24"),
]


@pytest.mark.parametrize(("suffix", "container", "sample_format"), LOSSLESS)
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_lossless_files_come_back_as_they_were(
    tmp_path, run, speech_like, suffix, container, sample_format, rate, channels
):
    sound = speech_like(rate, 0.7, channels=channels)[: rate // 2 + 7]
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    soundfile.write(source, sound, rate, sample_format, format=container)
    run(source, target)
    before, after = soundfile.info(source), soundfile.info(target)
    assert (after.format, after.subtype) == (before.format, before.subtype) == (container, sample_format)
    assert (after.samplerate, after.channels, after.frames) == (rate, channels, before.frames)
    a, b = (soundfile.read(path, always_2d=True)[0] for path in (source, target))
    # Dither adds at most one step to the half step of rounding; the engine itself is exact to 1e-6.
    assert np.abs(a - b).max() <= 1.5 * STEP.get(sample_format, 0) + 2e-6


LOSSY = [
    ("mp3", "MP3", "MPEG_LAYER_III", {"compression_level": 0.6, "bitrate_mode": "CONSTANT"}),
    ("mp3", "MP3", "MPEG_LAYER_III", {"compression_level": 0.4, "bitrate_mode": "VARIABLE"}),
    ("ogg", "OGG", "VORBIS", {"compression_level": 0.3}),
    ("ogg", "OGG", "VORBIS", {"compression_level": 0.8}),
    ("opus", "OGG", "OPUS", {"compression_level": 0.9}),
    ("opus", "OGG", "OPUS", {"compression_level": 0.7}),
]


@pytest.mark.parametrize(("suffix", "container", "sample_format", "settings"), LOSSY)
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_lossy_files_keep_rate_length_place_and_bit_rate(
    tmp_path, run, speech_like, suffix, container, sample_format, settings, rate, channels
):
    sound = speech_like(rate, 2, channels=channels)
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    soundfile.write(source, sound, rate, sample_format, format=container, **settings)
    run(source, target)
    before, after = soundfile.info(source), soundfile.info(target)
    assert (after.format, after.subtype) == (container, sample_format)
    assert (after.samplerate, after.channels, after.frames) == (rate, channels, before.frames)
    a, b = (soundfile.read(path, always_2d=True)[0][:, 0] for path in (source, target))
    assert lag(b, a) == 0
    size = target.stat().st_size / source.stat().st_size
    assert 0.8 < size < 1.25


def test_bitrate_sets_the_size_of_lossy_files(tmp_path, run, speech_like):
    source = tmp_path / "in.wav"
    soundfile.write(source, speech_like(48_000, 2, channels=2), 48_000)
    for suffix, kbps in (("mp3", 64), ("mp3", 256), ("opus", 32), ("opus", 128)):
        target = tmp_path / f"out{kbps}.{suffix}"
        run(source, target, bitrate=kbps * 1000)
        assert target.stat().st_size * 8 / 2 == pytest.approx(kbps * 1000, rel=0.25)


@pytest.mark.parametrize(
    ("suffix", "rate", "becomes"),
    [("opus", 44_100, 48_000), ("opus", 11_025, 12_000), ("opus", 96_000, 48_000), ("mp3", 96_000, 48_000)],
)
def test_a_rate_that_does_not_fit_is_said_and_the_nearest_taken(tmp_path, run, speech_like, suffix, rate, becomes):
    source, target = tmp_path / "in.wav", tmp_path / f"out.{suffix}"
    sound = speech_like(rate, 1.3)
    soundfile.write(source, sound, rate)
    report = run(source, target)
    after = soundfile.info(target)
    assert after.samplerate == becomes
    assert after.frames == pytest.approx(len(sound) * becomes / rate, abs=1.5)
    assert any(f"{becomes} Hz taken" in note for note in report.notes)


@pytest.mark.parametrize(
    ("sample_format", "suffix", "becomes", "said"),
    [
        ("PCM_16", "flac", "PCM_16", False),
        ("PCM_24", "flac", "PCM_24", False),
        ("FLOAT", "flac", "PCM_24", True),
        ("PCM_32", "flac", "PCM_24", True),
        ("PCM_U8", "flac", "PCM_S8", True),
        ("PCM_16", "mp3", "MPEG_LAYER_III", False),
        ("FLOAT", "ogg", "VORBIS", False),
        ("DOUBLE", "aiff", "DOUBLE", False),
    ],
)
def test_another_container_takes_the_nearest_sample_format(
    tmp_path, run, speech_like, sample_format, suffix, becomes, said
):
    source, target = tmp_path / "in.wav", tmp_path / f"out.{suffix}"
    soundfile.write(source, speech_like(16_000, 0.5), 16_000, sample_format)
    report = run(source, target)
    assert soundfile.info(target).subtype == becomes
    assert bool(report.notes) == said


def test_lossy_sound_becomes_16_bit(tmp_path, run, speech_like):
    source, target = tmp_path / "in.mp3", tmp_path / "out.wav"
    soundfile.write(source, speech_like(16_000, 0.5), 16_000)
    run(source, target)
    assert soundfile.info(target).subtype == "PCM_16"


def test_mp3_has_no_room_for_six_channels(tmp_path, run, speech_like):
    source = tmp_path / "in.wav"
    soundfile.write(source, speech_like(16_000, 0.2, channels=6), 16_000)
    with pytest.raises(OutputError, match="at most 2 channels"):
        run(source, tmp_path / "out.mp3")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_more_than_4_gb_of_wav_becomes_rf64():
    from enhancer.media.formats import output_format
    from enhancer.media.types import Track

    four_hours = Track(48_000, 2, "FLOAT", frames=4 * 3600 * 48_000)
    chosen = output_format("WAV", ".wav", four_hours, same_container=True, bitrate=None)
    assert chosen.container == "RF64"
    assert chosen.notes


def test_the_nearest_rate_loses_nothing_where_it_can():
    assert [nearest_rate(rate, (8000, 16000, 48000)) for rate in (8000, 11025, 44100, 96000)] == [
        8000, 16000, 48000, 48000,
    ]  # fmt: skip


def test_dither_is_noise_of_its_own_not_an_echo_of_the_signal():
    sound = np.full((200_000, 1), 0.3 / 2**15, np.float32)
    rounded = Quantiser(16)(sound)[:, 0]
    error = rounded - 0.3
    assert abs(error.mean()) < 0.01  # what lies between two steps survives as a mean
    assert error.var() == pytest.approx(0.25, rel=0.05)  # triangular dither and rounding: 1/6 + 1/12
    assert np.array_equal(rounded, Quantiser(16)(sound)[:, 0])


def test_dither_leaves_silence_and_whole_steps_alone():
    steps = np.arange(-3, 4, dtype=np.float32)[:, None] / 2**15
    assert np.array_equal(Quantiser(16)(steps)[:, 0], np.arange(-3, 4))


def test_quantising_clips_at_full_scale():
    assert Quantiser(16)(np.array([[2.0], [-2.0]], np.float32))[:, 0].tolist() == [32767, -32768]


@pytest.mark.parametrize("name", RAW_FORMATS)
def test_raw_samples_survive_there_and_back(name, speech_like):
    sound = speech_like(16_000, 0.2, channels=2)
    step = {"u8": 2**-7, "s8": 2**-7, "s16": 2**-15, "s24": 2**-23}.get(name.rstrip("lbe"), 0)
    back = decode(Encoder(name)(sound), name, 2)
    assert back.shape == sound.shape
    assert np.abs(back - sound).max() <= 1.5 * step + 1e-7


def test_raw_formats_have_the_names_of_other_programs():
    assert [parse_raw_format(text) for text in ("s16", "S16_LE", "FLOAT_LE", "S24_3LE", "f32be", "U8")] == [
        "s16le", "s16le", "f32le", "s24le", "f32be", "u8",
    ]  # fmt: skip
    with pytest.raises(ConfigError):
        parse_raw_format("mp3")


def test_bit_rates_are_read_as_people_write_them():
    assert [parse_bitrate(text) for text in ("128k", "128", "128000", "96 kbps", "64kb/s")] == [
        128_000, 128_000, 128_000, 96_000, 64_000,
    ]  # fmt: skip
    for text in ("fast", "-3", "0", "9000k", "1e5"):
        with pytest.raises(ConfigError):
            parse_bitrate(text)


def test_blocks_do_not_grow_with_the_file(tmp_path):
    path = tmp_path / "in.flac"
    soundfile.write(path, np.zeros((16_000 * 5 + 11, 2), np.float32), 16_000)
    reader = open_audio(path)
    sizes = [len(block) for _, block in reader.blocks()]
    reader.close()
    assert sum(sizes) == 16_000 * 5 + 11
    assert max(sizes) <= 16_000


def test_the_same_file_gives_the_same_bytes(tmp_path, run, speech_like):
    source = tmp_path / "in.wav"
    soundfile.write(source, speech_like(16_000, 1), 16_000)
    for name in ("a.wav", "b.wav"):
        run(source, tmp_path / name)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_outputs_have_the_mode_that_the_umask_allows(tmp_path, run, speech_like):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, speech_like(16_000, 0.2), 16_000)
    before = os.umask(0o027)
    try:
        run(source, target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o640


def test_an_mp3_that_is_called_wav_is_read_and_stays_one(tmp_path, run, speech_like):
    buffer = io.BytesIO()
    soundfile.write(buffer, speech_like(16_000, 0.5), 16_000, format="MP3")
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    source.write_bytes(buffer.getvalue())
    run(source, target)
    assert soundfile.info(target).format == "MP3"


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has names that are no text")
@pytest.mark.parametrize("suffix", [b".flac", b".mp3", b".opus"])
def test_a_name_that_is_not_utf_8_is_a_name(tmp_path, run, speech_like, suffix):
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    target = Path(os.fsdecode(os.fsencode(tmp_path) + b"/th\xe9" + suffix))
    with open(source, "wb") as file:
        soundfile.write(file, speech_like(16_000, 1.0), 16_000, format="WAV", subtype="PCM_16")
    run(source, target)
    with open(target, "rb") as file:
        assert soundfile.info(file).frames == 16_000
