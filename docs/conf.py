"""How Sphinx builds these pages: ``make docs``, or ``sphinx-build -W docs build/docs``.

The reference pages are generated from the docstrings of the installed packages.
"""

project = "pye2"
author = "the pye2 authors"
copyright = author  # noqa: A001 - Sphinx wants this name
html_title = "pye2"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_copy_source = False
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# protocol.md shows JSON with remarks, and languages that are none; they are set as plain text.
highlight_options: dict[str, dict[str, bool]] = {}
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
