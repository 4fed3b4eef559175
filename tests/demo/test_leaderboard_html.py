"""Tables and figures as HTML: escaped, labelled, in the colours of the page."""

import math
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

from matplotlib.figure import Figure

from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.demo.html_tables import Cell, html_table, number
from hf_emotion.demo.leaderboard.html_tables import comparison_html, leaderboard_html
from hf_emotion.demo.leaderboard.pictures import picture
from hf_emotion.demo.leaderboard.tables import comparison_table, leaderboard_table, setting_names

from .small_store import HOSTILE_NAME, SETTING


class Reader(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def board(store: ResultsStore, **options) -> Reader:
    entries = {entry.id: entry for entry in store.entries()}
    names = setting_names(entries.values())
    table = leaderboard_table(entries.values(), names)
    return Reader(leaderboard_html(table, entries, names, **options))


def test_text_of_others_is_escaped_everywhere():
    cell = Cell(HOSTILE_NAME, HOSTILE_NAME, note=HOSTILE_NAME, title='"><script>')
    page = Reader(html_table([HOSTILE_NAME, "B"], [[cell, number(1.0)]], HOSTILE_NAME, sorted_by="B"))
    assert not page.attributes("img")
    assert not page.attributes("script")
    assert page.text.count(HOSTILE_NAME) == 4  # caption, header, cell and note
    assert page.attributes("th")[2]["title"] == '"><script>'


def test_numbers_are_sorted_by_their_value_and_missing_ones_by_nothing():
    assert 'data-sort="0.12345"' in number(0.12345).html()
    assert ">0.123<" in number(0.12345).html()
    for missing in (None, math.nan):
        assert "data-sort" not in number(missing).html()


def test_a_table_says_what_it_is_sorted_by_and_only_then_can_be_sorted():
    rows = [[Cell("a", "a"), number(1.0)]]
    page = Reader(html_table(["Name", "Score"], rows, "Scores", sorted_by="Score"))
    assert [header["aria-sort"] for header in page.attributes("th")[:2]] == ["none", "descending"]
    assert len(page.attributes("button")) == 2
    assert not Reader(html_table(["Name", "Score"], rows, "Scores")).attributes("button")


def test_a_table_without_rows_says_so():
    assert "No row fits the filters." in Reader(html_table(["Name"], [], "Nothing", sorted_by="Name")).text


def test_the_leaderboard_names_origins_intervals_and_what_is_missing(store):
    page = board(store)
    badges = [
        attributes["class"] for attributes in page.attributes("span") if "badge" in (attributes.get("class") or "")
    ]
    assert [badges.count(f"badge {origin}") for origin in ("reported", "measured", "submitted")] == [18, 2, 2]
    titles = [attributes["title"] or "" for _, attributes in page.tags if "title" in attributes]
    assert sum("95 % interval" in title for title in titles) == 4
    assert sum("no interval is reported" in title for title in titles) == 18 * 9
    assert titles.count("not measured") == 4 * 8
    assert any("IEEE SLT 2024" in title for title in titles)


def test_intervals_stand_below_the_scores_on_demand(store):
    assert not board(store).attributes("small")
    page = board(store, show_intervals=True)
    assert len(page.attributes("small")) == 4
    low, high = store.entry("apc").settings[SETTING]["interval"]
    assert f"{low:.3f} to {high:.3f}" in page.text


def test_the_protocol_is_a_column_only_if_there_are_several(store):
    assert "Protocol" in board(store).text
    reported = [entry for entry in store.entries() if entry.origin == "reported"]
    table = leaderboard_table(reported, [SETTING])
    assert "Protocol" not in leaderboard_html(table, {entry.id: entry for entry in reported}, [SETTING])


def test_a_comparison_says_who_is_better(store):
    weak, strong = store.entry("hubert-base"), store.entry("apc")
    for first, second, verdict in ((weak, strong, "B is better"), (strong, weak, "A is better")):
        page = Reader(comparison_html(comparison_table(store, first, second, [SETTING]), first.system, second.system))
        assert verdict in page.text
    untested = comparison_table(store, store.entry("reported-fbank"), strong, [SETTING])
    assert "not tested: FBANK is reported by a paper" in comparison_html(untested, "a", "b")


def figure_of_a_line() -> Figure:
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], color="#0072B2")
    axes.grid(color="#DDDDDD")
    return figure


def test_a_picture_has_a_description_and_the_colours_of_the_page():
    html = picture(figure_of_a_line(), 'What "it" shows', "A <caption>", legend=["First", HOSTILE_NAME])
    page = Reader(html)
    (image,) = (attributes for attributes in page.attributes("div") if attributes.get("role") == "img")
    assert image["aria-label"] == 'What "it" shows'
    assert "A <caption>" in page.text
    assert HOSTILE_NAME in page.text
    assert "#0072b2" in html  # the line
    for colour in ("#000000", "#dddddd"):  # text and grid
        assert colour not in html


def test_large_pictures_scroll_instead_of_becoming_too_small_to_read():
    html = picture(Figure(figsize=(10, 2)), "A wide one")
    assert "min-width: 504pt" in html


def test_a_picture_is_a_sound_drawing_that_loads_nothing():
    html = picture(figure_of_a_line(), "A line")
    drawing = html[html.index("<svg") : html.rindex("</svg>") + len("</svg>")]
    root = ElementTree.fromstring(drawing)
    links = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "<style" not in drawing
    assert "<!--" not in drawing
