"""How the command line refuses what cannot be done, checked one way everywhere."""


def assert_refused(result, *words: str) -> None:
    """Exit code 2 and one line that says why, all these words in it; at most a hint beside it."""
    lines = result.stderr.splitlines()
    assert result.exit_code == 2
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2
    assert result.stdout == ""
