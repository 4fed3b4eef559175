"""Layer weights are averaged over cells, and described by numbers that a reader can check."""

import doctest

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark import layer_analysis
from hf_emotion.benchmark.cells import read_cells
from hf_emotion.benchmark.layer_analysis import (
    LayerProfile,
    layer_figure,
    layer_frame,
    layer_markdown,
    layer_profiles,
    mean_over_settings,
    summary_rows,
)

from .tiny_cells import write_cell


@pytest.fixture
def cells(tmp_path):
    """Two systems of another depth; HuBERT on two settings, one of them with two folds."""
    write_cell(tmp_path, "HuBERT", "CREMA-D", 1, layer_weights=[0.6, 0.2, 0.2])
    write_cell(tmp_path, "HuBERT", "CREMA-D", 2, layer_weights=[0.2, 0.2, 0.6])
    write_cell(tmp_path, "HuBERT", "IEMOCAP", 1, layer_weights=[0.0, 0.0, 1.0])
    write_cell(tmp_path, "WavLM", "CREMA-D", 1, layer_weights=[0.25, 0.25, 0.25, 0.25])
    write_cell(tmp_path, "FBANK", "CREMA-D", 1, layer_weights=[1.0])
    write_cell(tmp_path, "Fine-tuned", "CREMA-D", 1, layer_weights=None)
    return read_cells(tmp_path)


@pytest.fixture
def profiles(cells):
    return {(profile.system, profile.setting): profile for profile in layer_profiles(cells)}


def test_documentation_examples_run():
    assert doctest.testmod(layer_analysis).failed == 0


def test_shares_are_the_mean_over_folds_with_their_spread(profiles):
    profile = profiles["HuBERT", "CREMA-D"]
    np.testing.assert_allclose(profile.shares, [0.4, 0.2, 0.4])
    np.testing.assert_allclose(profile.spread, [np.std([0.6, 0.2], ddof=1), 0, np.std([0.6, 0.2], ddof=1)], atol=1e-12)
    assert profile.num_cells == 2
    assert profiles["HuBERT", "IEMOCAP"].spread is None


def test_systems_without_layer_weights_are_left_out(profiles):
    assert {system for system, _ in profiles} == {"HuBERT", "WavLM", "FBANK"}


@pytest.mark.parametrize(
    ("shares", "top", "centre", "entropy"),
    [
        ((0.5, 0.5), 0, 0.5, 1.0),
        ((0.0, 0.0, 1.0), 2, 1.0, 0.0),
        ((0.25, 0.75), 1, 0.75, 0.8112781),
        ((1.0,), 0, None, None),
    ],
)
def test_depth_and_entropy(shares, top, centre, entropy):
    profile = LayerProfile("a", "b", shares)
    assert (profile.top_layer, profile.centre_of_mass) == (top, centre)
    assert profile.entropy == (None if entropy is None else pytest.approx(entropy))


def test_mean_over_settings_counts_each_setting_once(profiles):
    mean = {profile.system: profile for profile in mean_over_settings(list(profiles.values()))}["HuBERT"]
    np.testing.assert_allclose(mean.shares, [0.2, 0.1, 0.7])
    assert (mean.setting, mean.num_cells) == ("mean of 2 settings", 2)


def test_tables_hold_each_share(profiles):
    frame = layer_frame(list(profiles.values()))
    assert list(frame.columns) == ["system", "setting", "layer", "depth", "share", "std", "num_cells"]
    assert len(frame) == 3 + 3 + 4 + 1
    last = frame[(frame["system"] == "WavLM") & (frame["layer"] == 3)].iloc[0]
    assert (last["depth"], last["share"]) == (1.0, 0.25)
    assert pd.isna(last["std"])
    rows = {(row[0], row[1]): row[2:] for row in summary_rows(list(profiles.values()))}
    assert rows["HuBERT", "IEMOCAP"] == [1, 3, 2, 100.0, 1.0, 0.0]
    assert rows["FBANK", "CREMA-D"] == [1, 1, 0, 100.0, None, None]


def test_markdown_has_the_summary_and_a_table_per_system(profiles):
    text = layer_markdown(list(profiles.values()))
    assert "| HuBERT | CREMA-D | 2 | 3 | 0 | 40.00 | 0.50 | 0.96 |" in text
    assert "| layer | CREMA-D | IEMOCAP |" in text
    assert "| 2 | 40.00 ± 28.28 | 100.00 |" in text


def test_figures_show_the_shares(profiles):
    axes = [axes for axes in layer_figure(list(profiles.values())).axes if axes.get_visible()]
    lines = {
        (panel.get_title(), line.get_label()): list(line.get_ydata()) for panel in axes for line in panel.get_lines()
    }
    np.testing.assert_allclose(lines["HuBERT", "CREMA-D"], [40, 20, 40])
    np.testing.assert_allclose(lines["HuBERT", "IEMOCAP"], [0, 0, 100])
    by_system = layer_figure(list(profiles.values()), "systems").axes
    assert {panel.get_title() for panel in by_system if panel.get_visible()} == {
        "3 hidden states",
        "4 hidden states",
    }
    assert not any("FBANK" in name for pair in lines for name in pair)  # a single state has no layers to compare
    heatmap = layer_figure(list(profiles.values()), "heatmap").axes[0]
    assert "HuBERT, IEMOCAP" in [label.get_text() for label in heatmap.get_yticklabels()]
    with pytest.raises(ValueError, match="kind must be one of settings, systems, heatmap"):
        layer_figure(list(profiles.values()), "pie")


def test_cells_that_cannot_be_averaged_are_refused(tmp_path):
    write_cell(tmp_path, fold=1, layer_weights=[0.5, 0.5])
    write_cell(tmp_path, fold=2, layer_weights=[0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="HuBERT on CREMA-D have 2 and 3 layer weights"):
        layer_profiles(read_cells(tmp_path))
    with pytest.raises(ValueError, match="are no shares that sum to 1"):
        layer_profiles([write_cell(tmp_path, "raw", layer_weights=[0.5, -0.5, 3.0])])
    with pytest.raises(ValueError, match="No finished cell has layer weights"):
        layer_profiles([write_cell(tmp_path, "none", layer_weights=None)])
