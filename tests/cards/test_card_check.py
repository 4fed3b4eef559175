"""What a card lacks is found without the Hub."""

from hf_emotion.cards.card_check import card_problems


def test_a_card_without_metadata_lacks_everything():
    found = card_problems("# A model\n")
    assert [problem.split(":")[0] for problem in found] == [
        "no license", "no language", "no base_model", "no datasets", "no pipeline_tag", "no library_name",
        "no model-index",
    ]  # fmt: skip


def test_metadata_that_cannot_be_read_is_the_only_problem():
    (problem,) = card_problems("---\na: [\n---\n")
    assert problem.startswith("the metadata cannot be read: ")


def test_another_licence_needs_a_name():
    text = "---\nlicense: other\ntask_categories: [audio-classification]\n---\n"
    assert card_problems(text, "dataset") == ["license: other without a license_name"]
    assert card_problems(text.replace("other", "mit"), "dataset") == []
