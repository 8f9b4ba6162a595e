"""How Sphinx builds these pages: `make docs`."""

import tfspine

project = "tfspine"
author = "The tfspine authors"
version = release = tfspine.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
exclude_patterns = ["_build"]

html_theme = "pydata_sphinx_theme"
html_title = "tfspine"
html_theme_options = {"show_prev_next": False, "footer_end": [], "navbar_end": ["theme-switcher"]}
html_show_sourcelink = False
html_copy_source = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False
