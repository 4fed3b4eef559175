"""`hf-emotion push`: whatever has been made here goes to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer


if TYPE_CHECKING:
    from hf_emotion.publishing.upload import Upload

# Options that a kind has no use for would be ignored: they are refused instead.
_OPTIONS = {
    "model": {"licence", "datasets", "include_predictions", "revision", "commit_message"},
    "adapter": {"licence", "base_model", "revision", "commit_message"},
    "ensemble": {"licence", "include_predictions", "revision", "commit_message"},
    "metric": {"revision", "commit_message"},
    "results": {"licence", "revision", "commit_message"},
    "corpus": {"licence", "data_dir", "revision"},
}


def push(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder of a model, a run, an adapter, an ensemble, recordings or results; or the name of a metric "
            "or a corpus.",
            show_default=False,
        ),
    ],
    repo_id: Annotated[str, typer.Argument(help="Repository, owner/name.", show_default=False)],
    kind: Annotated[
        Literal["auto", "model", "adapter", "ensemble", "corpus", "metric", "results"],
        typer.Option("--kind", help="What the source is; by default told from its files."),
    ] = "auto",
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch to push to, created if need be; main by default.")
    ] = None,
    commit_message: Annotated[str | None, typer.Option("--commit_message", help="Title of the commit.")] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Licence, such as cc-by-4.0, instead of the one that the card derives."),
    ] = None,
    datasets: Annotated[
        list[str] | None,
        typer.Option("--dataset", help="Repository of training data, for the card of a model. May be repeated."),
    ] = None,
    base_model: Annotated[
        str | None, typer.Option("--base_model", help="Repository of the encoder below an adapter.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data_dir", help="Folder of the archive of a corpus given by name.")
    ] = None,
    include_predictions: Annotated[
        bool, typer.Option("--include_predictions", help="Tables of predictions too; they name utterances.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry_run", help="Show what would be pushed, and push nothing.")] = False,
) -> None:
    """Push a model, an adapter, an ensemble, a corpus, a metric or results to the Hub, with a card.

    The access token is that of `hf auth login` or of HF_TOKEN. A push that was interrupted is repeated with the same
    command, and sends only what has not arrived.
    """
    from hf_emotion.publishing.detection import detect_kind

    if kind == "auto":
        kind = detect_kind(source)  # type: ignore[assignment]
        article = "an" if kind in ("adapter", "ensemble") else "a"
        print(f"{source} holds results." if kind == "results" else f"{source} is {article} {kind}.")
    options: dict[str, Any] = {
        "revision": revision,
        "commit_message": commit_message,
        "licence": licence,
        "datasets": datasets,
        "base_model": base_model,
        "data_dir": data_dir,
        "include_predictions": include_predictions,
    }
    given = {name: value for name, value in options.items() if value}
    if unused := sorted(set(given) - _OPTIONS[kind]):
        named = ", ".join("--dataset" if name == "datasets" else f"--{name}" for name in unused)
        raise ValueError(f"{named} says nothing about a {kind}; leave it out.")
    if kind == "corpus":
        _push_corpus(source, repo_id, private, dry_run, given)
    elif kind == "results" and _is_store(source):
        _push_store(source, repo_id, private, dry_run, given)
    else:
        branch = given.pop("revision", None)
        upload = _prepare(kind, source, repo_id, private=private or None, **given)
        _show(upload)
        if dry_run:
            print(f"\nNothing was pushed. The card would be:\n\n{upload.card}")
            return
        print(f"Pushed: {upload.push(revision=branch).commit_url}")


def _prepare(kind: str, source: str, repo_id: str, **options: Any) -> Upload:
    from importlib import import_module

    module = import_module(f"hf_emotion.publishing.{kind}")
    return getattr(module, f"prepare_{kind}")(source, repo_id, **options)


def _push_corpus(source: str, repo_id: str, private: bool, dry_run: bool, options: dict[str, Any]) -> None:
    from hf_emotion.cli.commands.corpora.push import push as push_corpus

    folder = Path(source)
    if folder.is_dir():
        name, options = "manifest", {"data_dir": folder, **options}
    elif "data_dir" in options:
        name = source
    else:
        raise ValueError(f"Say where the archive of {source} is: --data_dir FOLDER.")
    push_corpus(name, repo_id=repo_id, private=private, dry_run=dry_run, **options)


def _is_store(source: str) -> bool:
    from hf_emotion.publishing.results import is_results_store

    return is_results_store(Path(source))


def _push_store(source: str, repo_id: str, private: bool, dry_run: bool, options: dict[str, Any]) -> None:
    from hf_emotion.publishing.results import push_results

    if options:
        raise ValueError(f"--{sorted(options)[0]} says nothing about a results store; leave it out.")
    if dry_run:
        names = sorted(path.stem for path in (Path(source) / "entries").glob("*.json"))
        print(f"{len(names)} entries, of which those that {repo_id} lacks would be added: {', '.join(names)}")
        return
    added = push_results(source, repo_id, private=private or None)
    print(f"Added to {repo_id}: {', '.join(map(str, added)) or 'nothing, all entries are there'}")


def _show(upload: Upload) -> None:
    from hf_emotion.cli.tables import print_table

    sizes = upload.sizes
    print_table(("file", "bytes"), [(name, f"{size:,}") for name, size in sorted(sizes.items())])
    print(f"{len(sizes)} files, {sum(sizes.values()) / 1e6:,.1f} MB -> {upload.repo_type} {upload.repo_id}")
    if upload.left_out:
        print(f"Not sent: {', '.join(upload.left_out)}")
    for problem in upload.problems:
        print(f"The card has {problem}.")
