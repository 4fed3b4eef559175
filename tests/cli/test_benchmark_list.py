"""`hf-emotion benchmark list`: every protocol on a line, and the rows and columns of one."""

import json

from hf_emotion.benchmark.protocol import load_protocol, protocol_files


def test_every_protocol_has_a_line_that_fits_80_columns(run):
    lines = run("benchmark", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(protocol_files())
    assert max(map(len, lines)) <= 80


def test_cells_are_systems_times_settings_times_folds_times_seeds(run):
    rows = {row["protocol"]: row for row in json.loads(run("benchmark", "list", "--format", "json").stdout)}
    assert rows["exhubert_table_1"]["cells"] == 8 * 8
    assert rows["exhubert_table_2"]["cells"] == 8 * 6
    assert rows["emo_superb_code"]["cells"] is None  # the label files say how many folds there are


def test_one_protocol_shows_its_header_as_written_and_all_names(run):
    for name, path in protocol_files().items():
        result = run("benchmark", "list", name)
        assert result.exit_code == 0, result.stderr
        header = [line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("# Launch")]
        assert header[0] in result.stdout
        protocol = load_protocol(path)
        found = json.loads(run("benchmark", "list", name, "--format", "json").stdout)
        assert list(found["systems"]) == [system.name for system in protocol.systems]
        assert list(found["settings"]) == [setting.name for setting in protocol.settings]


def test_an_unknown_protocol_is_told(run):
    result = run("benchmark", "list", "nothing")
    assert result.exit_code == 1
    assert "There is no protocol nothing." in result.stderr
