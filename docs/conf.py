"""Settings of the documentation: `make docs` builds it, and warnings are errors.

Nothing is fetched while it is built or read: no inventories of other projects, no
fonts, and equations are MathML, which browsers show by themselves.
"""

import sys
from pathlib import Path

import matplotlib

import skhrmel

# Directives and roles of this documentation's own.
sys.path.insert(0, str(Path(__file__).parent / "_ext"))
matplotlib.use("agg")

project = "skhrmel"
author = "The skhrmel developers"
project_copyright = "The skhrmel developers"
version = release = skhrmel.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "command_help",
    "fences",
    "mathml",
    "names",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
nitpicky = True

# A name in single backticks is a link where it names something public, else code.
default_role = "name"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Figures on pages are made by the plot directive, in this process.
nb_execution_mode = "off"

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
autodoc_preserve_defaults = True
# The class template lists the methods.
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Figures read files beside this one.
plot_working_directory = str(Path(__file__).parent)
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
# A page is 8 inches wide at most, as it were: what is wider is shown smaller, and its
# text as well. Twice as many dots as most screens have, for those that have more.
plot_formats = [("png", 180)]
plot_rcparams = {
    "figure.figsize": (8, 4),
    "font.size": 11,
    "legend.fontsize": 11,
    "savefig.bbox": "tight",
}
plot_apply_rcparams = True

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"skhrmel {release}"
# With a font that can stretch brackets, for systems that have none.
_fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
html_static_path = ["_static", str(_fonts / "DejaVuSerif.ttf")]
html_css_files = ["skhrmel.css"]
html_show_sourcelink = False
html_copy_source = False
# Pages that have no others below them.
html_sidebars = {name: [] for name in ("index", "for-*", "method", "how-it-works")}
html_theme_options = {
    "logo": {"text": "skhrmel"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
