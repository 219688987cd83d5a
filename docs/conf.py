"""Sphinx: ``python -m pip install -c constraints.txt ".[docs]" && python -m sphinx -W docs docs/_build``."""

from diffexplore import __version__

project = "diffexplore"
author = "The diffexplore developers"
copyright = "2026, The diffexplore developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"diffexplore {release}"
