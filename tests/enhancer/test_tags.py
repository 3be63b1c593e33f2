"""Metadata goes from input to output whole: text, pictures, broadcast data, cue points, chapters; nothing made up."""

import base64
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.file_denoiser import Settings, denoise_file
from enhancer.media import ogg, riff, tags
from enhancer.media.types import Options

COVER = bytes(np.random.default_rng(1).integers(0, 256, 150_000, dtype=np.uint8))  # more than one Ogg page holds


@pytest.fixture
def run(pass_model):
    """Sends a file through an engine that changes nothing."""

    def run(source: Path, target: Path):
        return denoise_file(source, target, Settings(options=Options()), pass_model)

    return run


@pytest.fixture
def sound(speech_like) -> np.ndarray:
    return speech_like(16_000, 1.1)


def id3(*frames: tuple[bytes, bytes]) -> bytes:
    """An ID3v2.3 tag."""
    body = b"".join(struct.pack(">4sI2x", name, len(content)) + content for name, content in frames)
    size = len(body)
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + body


def flac_picture(data: bytes) -> bytes:
    mime = b"image/png"
    return struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, 1, 1, 24, 0, len(data)) + data


def add_flac_blocks(path: Path, comments: list[bytes], picture: bytes) -> None:
    data = path.read_bytes()
    blocks = [(4, ogg.pack_comments(b"someone", comments)), (6, flac_picture(picture)), (2, b"appl1234")]
    packed = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in blocks)
    path.write_bytes(data[:42] + packed + data[42:])  # after STREAMINFO, which is not the last block


def add_chunks(path: Path, *chunks: tuple[bytes, bytes]) -> None:
    order = ">" if path.read_bytes()[:4] == b"FORM" else "<"
    with open(path, "r+b") as file:
        file.seek(0, 2)
        for name, body in chunks:
            file.write(struct.pack(order + "4sI", name, len(body)) + body + b"\0" * (len(body) % 2))
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack(order + "I", size))


def chunks_of(path: Path) -> dict[bytes, bytes]:
    data = path.read_bytes()
    return {chunk.name: data[chunk.offset : chunk.offset + chunk.size] for chunk in riff.read_chunks(path)}


def test_wav_keeps_titles_broadcast_data_and_cue_points(tmp_path, run, sound):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    with soundfile.SoundFile(source, "w", 16_000, 1, "PCM_24") as file:
        file.title, file.artist = "Ansprache", "Jürgen Ångström"
        file.write(sound)
    extra = {b"bext": b"scene 4".ljust(603, b"\0"), b"cue ": bytes(28), b"iXML": b"<BWFXML/>", b"wxyz": b"odd"}
    add_chunks(source, *extra.items())
    run(source, target)
    with soundfile.SoundFile(target) as file:
        assert (file.title, file.artist, file.frames) == ("Ansprache", "Jürgen Ångström", len(sound))
    after = chunks_of(target)
    assert {name: after[name] for name in extra} == extra
    assert after[b"LIST"] == chunks_of(source)[b"LIST"]
    assert struct.unpack("<I", target.read_bytes()[4:8])[0] == target.stat().st_size - 8


def test_wav_keeps_which_channel_is_which_speaker(tmp_path, run, speech_like):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, speech_like(16_000, 0.3, channels=6), 16_000, "PCM_16", format="WAVEX")
    data = bytearray(source.read_bytes())
    data[12 + 8 + 20 : 12 + 8 + 24] = struct.pack("<I", 0x3F)  # 5.1
    source.write_bytes(data)
    run(source, target)
    assert chunks_of(target)[b"fmt "][20:24] == struct.pack("<I", 0x3F)


def test_aiff_keeps_its_chunks(tmp_path, run, sound):
    source, target = tmp_path / "in.aiff", tmp_path / "out.aiff"
    soundfile.write(source, sound, 16_000)
    add_chunks(source, (b"NAME", b"a title"), (b"ID3 ", id3((b"TIT2", b"\0a title"))))
    run(source, target)
    assert chunks_of(target)[b"NAME"] == b"a title"
    assert chunks_of(target)[b"ID3 "].startswith(b"ID3")
    assert soundfile.info(target).frames == len(sound)


def test_mp3_keeps_its_tags_byte_for_byte(tmp_path, run, sound):
    source, target = tmp_path / "in.mp3", tmp_path / "out.mp3"
    soundfile.write(source, sound, 16_000)
    head = id3(
        (b"TIT2", b"\0A title"),
        (b"APIC", b"\0image/png\0\x03\0" + COVER),
        (b"CHAP", b"chp0\0" + struct.pack(">IIII", 0, 1000, 0xFFFFFFFF, 0xFFFFFFFF)),
    )
    tail = b"TAG" + b"A title".ljust(125, b"\0")
    source.write_bytes(head + source.read_bytes() + tail)
    run(source, target)
    after = target.read_bytes()
    assert after.startswith(head)
    assert after.endswith(tail)
    with soundfile.SoundFile(target) as file:
        assert file.title == "A title"
        assert file.frames == len(sound)
    assert len(after) < 1.3 * source.stat().st_size  # tags do not count as bit rate


def test_flac_keeps_every_comment_and_picture(tmp_path, run, sound):
    source, target = tmp_path / "in.flac", tmp_path / "out.flac"
    soundfile.write(source, sound, 16_000, "PCM_24")
    comments = [b"TITLE=Eins", b"ALBUMARTIST=\xc3\x84", b"MOOD=fine", b"CHAPTER001=00:00:00.500"]
    add_flac_blocks(source, comments, COVER)
    run(source, target)
    with open(target, "rb") as file:
        blocks = tags._flac_blocks(file)
    assert [ogg.parse_comments(body)[1] for kind, body in blocks if kind == 4] == [comments]
    assert [body for kind, body in blocks if kind == 6] == [flac_picture(COVER)]
    assert [body for kind, body in blocks if kind == 2] == [b"appl1234"]
    assert soundfile.info(target).frames == len(sound)
    assert np.abs(soundfile.read(target)[0] - soundfile.read(source)[0]).max() < 1e-5


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_flac_to_ogg_and_back_keeps_comments_and_pictures(tmp_path, run, sound, suffix):
    source, between, back = tmp_path / "in.flac", tmp_path / f"a.{suffix}", tmp_path / "b.flac"
    soundfile.write(source, sound, 16_000)
    comments = [b"TITLE=Eins", b"X-OWN=" + b"long " * 20_000]
    add_flac_blocks(source, comments, COVER)
    run(source, between)
    found = ogg.read_comments(between)
    assert found[:2] == comments
    assert base64.b64decode(found[2].removeprefix(b"METADATA_BLOCK_PICTURE=")) == flac_picture(COVER)
    assert soundfile.info(between).frames == len(sound)
    same = tmp_path / f"c.{suffix}"
    run(between, same)
    assert ogg.read_comments(same) == found
    run(same, back)
    comments_back, blocks = tags._flac_metadata(back)
    assert comments_back == comments
    assert blocks == [(6, flac_picture(COVER))]


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_ogg_pages_written_here_are_what_other_programs_read(tmp_path, run, sound, suffix):
    av = pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    source, target = tmp_path / "in.flac", tmp_path / f"out.{suffix}"
    soundfile.write(source, sound, 16_000)
    add_flac_blocks(source, [b"TITLE=Eins"], COVER)
    run(source, target)
    with av.open(str(target)) as container:
        stream = container.streams.audio[0]
        found = {key.lower(): value for key, value in [*container.metadata.items(), *stream.metadata.items()]}
        assert found["title"] == "Eins"
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(stream))
    assert seconds == pytest.approx(len(sound) / 16_000, abs=0.03)


def test_text_survives_between_containers_that_share_nothing_else(tmp_path, run, sound):
    source = tmp_path / "in.wav"
    with soundfile.SoundFile(source, "w", 16_000, 1) as file:
        file.title, file.artist, file.comment = "T", "Å", "C"
        file.write(sound)
    for suffix in ("flac", "ogg", "mp3", "aiff"):
        target = tmp_path / f"out.{suffix}"
        run(source, target)
        with soundfile.SoundFile(target) as file:
            assert (file.title, file.artist) == ("T", "Å"), suffix


def test_damaged_tags_do_not_cost_the_sound(tmp_path, run, sound):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, sound, 16_000)
    with open(source, "ab") as file:
        file.write(struct.pack("<4sI", b"LIST", 1 << 30) + b"INFO")  # promises more than there is
    run(source, target)
    assert soundfile.info(target).frames == len(sound)


def test_ogg_checksums_are_those_of_other_writers(tmp_path, sound):
    path = tmp_path / "in.ogg"
    soundfile.write(path, sound, 16_000)
    with open(path, "rb") as file:
        theirs = file.read()
        file.seek(0)
        pages = []
        while (page := ogg._read_page(file)) is not None:
            pages.append(page.packed())
    assert len(pages) > 2
    assert b"".join(pages) == theirs
