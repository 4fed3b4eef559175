"""Write the documentation of the corpora beside their files, or check that it is up to date.

python -m hf_emotion.scripts.corpus_pages            # writes dataset_scripts/README.md and dataset_scripts/pages/
python -m hf_emotion.scripts.corpus_pages --check    # writes nothing; exit code 1 if a page is not up to date
"""

import argparse
import sys
from pathlib import Path

from hf_emotion.corpus_reports.corpus_page import corpus_page, overview_page
from hf_emotion.data.loading import corpus_facts, list_corpora, scripts_dir


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a page is not up to date")
    check = parser.parse_args(arguments).check
    folder = scripts_dir()
    pages = expected_pages(folder)
    obsolete = sorted(set(folder.glob("pages/*.md")) - set(pages))
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in [*stale, *obsolete]:
            print(f"not up to date: {path.relative_to(folder.parent)}", file=sys.stderr)
        if stale or obsolete:
            print("Run `make docs`.", file=sys.stderr)
        return int(bool(stale or obsolete))
    (folder / "pages").mkdir(exist_ok=True)
    for path in obsolete:
        path.unlink()
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    print(f"{len(pages)} pages, {len(stale)} written, {len(obsolete)} deleted")
    return 0


def expected_pages(folder: Path) -> dict[Path, str]:
    """Text of every page by its file."""
    all_facts = [corpus_facts(name) for name in list_corpora()]
    pages = {folder / "pages" / f"{facts.name}.md": corpus_page(facts) for facts in all_facts}
    return pages | {folder / "README.md": overview_page(all_facts)}


if __name__ == "__main__":
    sys.exit(main())
