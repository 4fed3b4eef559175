"""`hf-emotion corpora list`."""

from hf_emotion.cli.tables import print_table


def list_all() -> None:
    """List the corpora that can be loaded."""
    from hf_emotion.data.loading import corpus_facts, list_corpora

    rows = []
    for name in list_corpora():
        facts = corpus_facts(name)
        rows.append(
            (name, ", ".join(facts.languages), facts.access, facts.licence, facts.num_utterances, facts.num_speakers)
        )
    print_table(("corpus", "language", "access", "licence", "utts.", "spk."), rows, width=80)
