"""Configs: what ships loads, and what cannot be meant is refused in one line."""

import pytest

from enhancer.errors import UserError
from training.config import CONFIGS, load_config


# An ablation is a config with rows: see test_ablation.py.
@pytest.mark.parametrize("name", sorted({p.stem for p in CONFIGS.glob("*.toml")} - {"ablation", "ablation-shipped"}))
def test_every_shipped_config_loads(name):
    assert load_config(name).name == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[netwrk]\n", "unknown key netwrk"),
        ("[network]\nwidth = 3\n", "unknown key network.width"),
        ("[network]\ntrunk = 'wide'\n", "network.trunk must be int"),
        ("[network\n", "not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, complaint):
    path = tmp_path / "odd.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint):
        load_config(path)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError) as raised:
        load_config("studnet")
    assert "student" in raised.value.hint
