"""MkDocs hooks: the pages of the site that do not lie in docs/.

The model cards stay in zoo/ and CONTRIBUTING.md at the top, where GitHub's readers look for them. A page links other
files of the repository by their relative paths; these hooks point such links at pages of the site. A linked source file
becomes a page that shows it. The API reference has one page for each package that lists public names in `__all__`; it
is read from the sources, so that neither Keras nor TensorFlow has to be installed.
"""

import ast
import posixpath
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\(|^\[[^\]]+\]: )(?!\w+:|#)([^)\s#]+)", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
SECTION = re.compile(
    r"^(Example|Input shape|Output shape|References|Relation to .*|Differs from .*):\n((?: +.*\n*)*)", re.MULTILINE
)
LANGUAGES = {".py": "python", ".cfg": "ini", ".toml": "toml", "": "text"}


ROOMS = ("layers", "zoo", "training", "data", "evaluation", "inference", "exported", "export", "pictures", "batch")
ROOMS += ("interop", "analysis")


class KerasDocstrings(griffe.Extension):
    """Reads docstrings as Keras writes them, with sections and unindented doctests that Griffe does not know."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Makes Markdown of them before the docstring is parsed."""
        if obj.docstring:
            text = DOCTEST.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
            obj.docstring.value = SECTION.sub(lambda found: f"**{found[1]}**\n\n{dedent(found[2])}", text)


def reference(room: str) -> str:
    """Markdown of a package's page: each public name, by the module that defines it."""
    tree = ast.parse((ROOT / "keras_lisr" / room / "__init__.py").read_text(encoding="utf-8"))
    defined = {
        imported.name: f"{node.module}.{imported.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("keras_lisr.")
        for imported in node.names
    }
    (public,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    options = "    options:\n      members: false\n" if room == "layers" else ""  # Their methods are Keras's.
    names = "\n".join(f"::: {defined[name]}\n{options}" for name in public)
    return f"# keras_lisr.{room}\n\n{ast.get_docstring(tree)}\n\n{names}"


def outside() -> dict[str, str]:
    """Places in the site of files that lie beside docs/, by their paths in the repository."""
    zoo = [path.name for path in sorted((ROOT / "zoo").iterdir()) if path.suffix in {".md", ".png", ".webp"}]
    return {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"} | {
        f"zoo/{name}": f"zoo/{name}" for name in zoo
    }


def in_repository(place: str) -> str:
    """Path in the repository of a page of the site."""
    return {there: here for here, there in outside().items()}.get(place, f"docs/{place}")


def in_site(path: str) -> str:
    """Place in the site of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return outside().get(path, f"source/{path}.md")


def targets(markdown: str, path: str) -> list[str]:
    """Paths in the repository of the files that a page links."""
    links = LINK.findall(FENCE.sub("", markdown))
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for _, link in links]


def on_config(config: Any) -> None:
    """Lists the decisions and the cards, so that a new one needs no line in mkdocs.yml."""
    sections = {name: pages for entry in config.nav for name, pages in entry.items()}
    sections["Decisions"] += [f"decisions/{path.name}" for path in sorted((ROOT / "docs/decisions").glob("0*.md"))]
    cards = [path.name for path in sorted((ROOT / "zoo").glob("*.md"))]
    sections["API"] += [{room: f"reference/{room}.md"} for room in ROOMS]
    sections["Models"] += [f"zoo/{name}" for name in cards if name not in {"README.md", "RESULTS.md", "analysis.md"}]


def on_files(files: Files, config: Any) -> Files:
    """Adds the files that lie beside docs/, and the sources that pages link."""
    for path, place in outside().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    for room in ROOMS:
        files.append(File.generated(config, f"reference/{room}.md", content=reference(room)))
    for page in files.documentation_pages():
        for path in targets(page.content_string, in_repository(page.src_uri)):
            source = ROOT / path
            if (place := in_site(path)).startswith("source/") and source.is_file() and place not in files.src_uris:
                language = LANGUAGES.get(source.suffix, "text")
                text = f"# {path}\n\n````{language}\n{source.read_text(encoding='utf-8')}````\n"
                files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Points links to files of the repository at their places in the site."""
    path, place = in_repository(page.file.src_uri), page.file.src_uri
    if place.startswith(("source/", "reference/")):
        return markdown

    def point(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2]))
        return link[1] + posixpath.relpath(in_site(target), posixpath.dirname(place) or ".")

    pieces = re.split(f"({FENCE.pattern})", markdown, flags=FENCE.flags)
    return "".join(piece if piece.startswith("```") else LINK.sub(point, piece) for piece in pieces)
