"""What the pages of all apps share: style, fonts and what they may load and keep."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any


UPLOADS_KEPT = (600, 3600)  # seconds: how often to look, and how old files are when they are deleted
_STYLE = Path(__file__).with_name("page.css")
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")


def import_gradio() -> Any:
    """
    The module `gradio`, which is optional.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import gradio
    except ImportError as error:
        raise ImportError('The app needs gradio: pip install "hf-emotion[demo]"') from error
    return gradio


def page_options(styles: Sequence[Path], max_upload_bytes: int) -> dict[str, Any]:
    """
    Arguments of `Blocks.launch`: the style, system fonts, so that nothing is loaded from elsewhere, and limits.

    Args:
        styles (`Sequence[Path]`): Style sheets of the app, which come after the shared one.
        max_upload_bytes (`int`): Size of the largest file that is received.

    Raises:
        ImportError: gradio is not installed.
    """
    gr = import_gradio()
    # a key that gradio lacks the English for
    texts = gr.I18n(en={"common.upload": "Add files"})
    theme = gr.themes.Base(primary_hue="blue", font=_FONTS, font_mono=("ui-monospace", "monospace"))
    # the theme's own grey of secondary text is hard to read on white, and white on the blue of its buttons
    colours = dict.fromkeys(("body_text_color_subdued", "block_info_text_color"), "*neutral_500")
    colours |= {
        "button_primary_background_fill": "*primary_600",
        "button_primary_background_fill_hover": "*primary_700",
    }
    return {
        "theme": theme.set(**colours),
        "css_paths": [_STYLE, *styles],
        "i18n": texts,
        "max_file_size": max_upload_bytes,
        "footer_links": ["settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
    }


def notice(text: str, kind: str = "") -> str:
    """A paragraph set off from the rest; `kind` is `"error"`, which is read out at once, `"success"` or nothing."""
    role = {"error": ' role="alert"', "success": ' role="status"'}.get(kind, "")
    return f'<p class="{" ".join(filter(None, ["notice", kind]))}"{role}>{escape(text)}</p>'
