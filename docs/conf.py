"""Settings of Sphinx for the documentation.

``sphinx-build -W --keep-going -b html docs docs/_build`` builds it, and fails at a warning.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import fastnn

project = "fastnn"
author = "fastnn developers"
copyright = f"%Y, {author}"
version = release = fastnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"fastnn {version}"
html_copy_source = False
html_show_sphinx = False

# Docstrings are numpydoc; the arguments of a class are documented with the class.
napoleon_google_docstring = False
# Types are sentences, such as "(restarts,) array of float", not names to be linked.
napoleon_use_param = False
napoleon_use_rtype = False
# Show attributes like parameters: Sphinx's own fields would split "coefs_, intercepts_".
napoleon_custom_sections = [("Attributes", "params_style")]
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
default_role = "code"
