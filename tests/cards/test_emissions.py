"""What codecarbon has measured is read, summed over resumed runs, and never invented."""

import pytest

from hf_emotion.cards.emissions import read_emissions


HEAD = (
    "timestamp,run_id,duration,emissions,energy_consumed,country_name,region,codecarbon_version,cpu_model,gpu_model\n"
)


def write(folder, rows):
    (folder / "emissions.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return folder


def test_nothing_is_said_where_nothing_was_measured(tmp_path):
    assert read_emissions(tmp_path) is None


def test_the_last_row_of_each_run_counts(tmp_path):
    rows = ["t,a,10,0.001,0.002,France,Paris,3.0,c,g", "t,a,20,0.002,0.004,France,Paris,3.0,c,g"]
    found = read_emissions(write(tmp_path, [*rows, "t,b,5,0.0005,0.001,France,Paris,3.0,c,g"]))
    assert (found.grams, found.kilowatt_hours, found.seconds) == pytest.approx((2.5, 0.005, 25))
    assert (found.location, found.hardware) == ("Paris, France", "g, c")


def test_what_is_not_known_is_left_out(tmp_path):
    found = read_emissions(write(tmp_path, ["t,a,,0.001,,,,,,"]))
    assert found.metadata == {"emissions": 1.0, "source": "codecarbon", "training_type": "fine-tuning"}
    assert found.seconds is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no table of codecarbon"),
        (HEAD, "no table of codecarbon"),
        (HEAD + "t,a,1,much,1,,,,,\n", "emissions='much' is no number"),
        (HEAD + "t,a,1,-1,1,,,,,\n", "emissions=-1 cannot be"),
    ],
)
def test_other_tables_are_refused(tmp_path, content, message):
    (tmp_path / "emissions.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_emissions(tmp_path)
