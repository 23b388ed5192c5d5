"""The site of the documentation: `make docs` builds it with Sphinx, without network."""

import sys
from pathlib import Path

import glassdask

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "glassdask"
copyright = "the glassdask developers, BSD-3-Clause"
version = release = glassdask.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "elsewhere", "from_code", "equations"]
exclude_patterns = ["**/.ipynb_checkpoints", "tutorials/notebooks/README.md"]  # is tutorials/index

nb_execution_mode = "off"  # notebooks are stored with their outputs; a test runs them
myst_enable_extensions = ["attrs_inline", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

highlight_language = "none"
smartquotes = False  # "--mpi=pmi2" and quotation marks are to be copied as they are
default_role = "py:obj"
autodoc_typehints = "none"
numpydoc_show_class_members = False
add_module_names = False

html_theme = "furo"
html_title = f"glassdask {release}"
html_math_renderer = "drawn"
html_static_path = ["static"]
html_css_files = ["glassdask.css"]
html_copy_source = False
html_show_sourcelink = False
linkcheck_timeout = 20
