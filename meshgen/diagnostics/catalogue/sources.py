"""Codes MG0020 to MG0039, finding sources, running Python and templates."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

SOURCE_NOT_FOUND = Code(
    number="MG0020",
    slug="source-not-found",
    severity=Severity.ERROR,
    title="a source that names no file",
    page="""
A path or pattern of `sources:` or of an environment's `overlays:` matches nothing, so a part of the mesh would be
missing without a word.

```yaml
spec:
  sources: [messh]      # the directory is called mesh
```

Correct the path, or remove the entry. Paths are relative to the directory of `meshgen.yaml`.
""",
)

UNREADABLE_SOURCE = Code(
    number="MG0021",
    slug="unreadable-source",
    severity=Severity.ERROR,
    title="a source that cannot be read",
    page="""
The file is there but cannot be opened: its permissions, a broken link, or it vanished while meshgen ran. Compiling
without it would remove its objects.

```console
$ ls -l mesh/shop.yaml
----------  1 root  root  312  mesh/shop.yaml
```

Make it readable, or leave it out of `sources`.
""",
)

SOURCE_TOO_LARGE = Code(
    number="MG0022",
    slug="source-too-large",
    severity=Severity.ERROR,
    title="a source beyond 64 MiB",
    page="""
Ten thousand services are some 14 MB of YAML. A larger single file is most often not meant as a source: a dump, an
archive, a log.

```yaml
spec:
  sources: ["**"]      # takes dumps/cluster.yaml too
```

Narrow the pattern, or split the file.
""",
)

LINK_LOOP = Code(
    number="MG0024",
    slug="link-loop",
    severity=Severity.WARNING,
    title="a symbolic link that leads back to a directory above it",
    page="""
Following it would never end. The link is left out.

```console
$ ln -s .. mesh/self
```

Remove the link, or name the files that are meant in `sources`.
""",
)

UNKNOWN_REVISION = Code(
    number="MG0025",
    slug="unknown-revision",
    severity=Severity.ERROR,
    title="git knows no such revision",
    page="""
The revision to read is no commit, tag or branch of this repository. In CI the clone is often shallow and has only the
newest commit.

```console
$ meshgen diff origin/mian
```

Check the name with `git rev-parse`, or fetch it first: `git fetch --depth=1 origin main`.
""",
)

NOT_A_REPOSITORY = Code(
    number="MG0026",
    slug="not-a-repository",
    severity=Severity.ERROR,
    title="the project is in no git repository",
    page="""
A revision was asked for, but neither the project's directory nor one above it is a git repository, or git cannot read
it.

```console
$ meshgen diff HEAD~1
```

Run the command inside of a clone; in a container, mark the directory with `git config --global safe.directory`.
""",
)

GIT_ENTRY_IGNORED = Code(
    number="MG0027",
    slug="git-entry-ignored",
    severity=Severity.INFO,
    title="a link or submodule of a revision is left out",
    page="""
Reading a revision does not touch the work tree, so what a symbolic link points at and what a submodule holds are not
there.

```console
$ git ls-tree HEAD mesh/
120000 blob 9c59...   mesh/shared.yaml
```

Copy the file in place of the link if it has to be part of the comparison.
""",
)

PYTHON_REFUSED = Code(
    number="MG0030",
    slug="python-refused",
    severity=Severity.ERROR,
    title="a Python source where Python is not allowed",
    page="""
`--no-python` refuses sources that are programs, for example to compile the pull request of a stranger. What they
would have given is missing, so nothing is written.

```console
$ meshgen compile --no-python
```

Leave the option out for sources that you trust, or write them as YAML.
""",
)

PYTHON_FAILED = Code(
    number="MG0031",
    slug="python-failed",
    severity=Severity.ERROR,
    title="a Python source raised an exception",
    page="""
The program ended with an exception. The place is the last line of the source itself; what it called is not shown.

```python
mesh = [Service("catalog", ports=[prots])]      # NameError
```

Correct the line. Nothing that the file gave before is used.
""",
)

PYTHON_LIMIT = Code(
    number="MG0032",
    slug="python-limit",
    severity=Severity.ERROR,
    title="a Python source exceeded its time or memory",
    page="""
Sources run in a process of their own with a limit on wall-clock time and memory, so that a mistake cannot hold up a
pipeline.

```python
def mesh(env):
    while True:
        yield service
```

Look for an endless loop at the place shown. A source should compute, not wait: no network, no sleep.
""",
)

PYTHON_DIED = Code(
    number="MG0033",
    slug="python-died",
    severity=Severity.ERROR,
    title="the process of the Python sources ended by itself",
    page="""
The interpreter was killed or ended without an answer while this file ran: the kernel ended it for lack of memory, an
extension crashed, or the source called `os._exit`.

```python
import os
os._exit(0)
```

Run the file by itself with `python` to see why.
""",
)

PYTHON_WITHOUT_MESH = Code(
    number="MG0034",
    slug="python-without-mesh",
    severity=Severity.ERROR,
    title="a Python source that gives nothing",
    page="""
A source names what it gives as `mesh`: a resource, a list of them, or a function of the environment that returns or
yields them.

```python
catalog = Service("catalog", ports=[80])      # and then?
```

Add `mesh = [catalog]`. A file that only helps others is no source: give it a name that begins with an underscore.
""",
)

NOT_A_RESOURCE = Code(
    number="MG0035",
    slug="not-a-resource",
    severity=Severity.ERROR,
    title="a Python source gave something that is no resource",
    page="""
Each thing in `mesh` is an intent from the `meshgen` package, or a dictionary of plain JSON values with `apiVersion`,
`kind` and `metadata` (a native object).

```python
mesh = [catalog, "reviews"]      # a string is no resource
```

Give the object itself.
""",
)

PYTHON_OUTPUT = Code(
    number="MG0036",
    slug="python-output",
    severity=Severity.INFO,
    title="what a Python source printed",
    page="""
Sources may print, for example while they are written. The text is shown with its line and is not part of the output.

```python
print(env.vars)
```

Remove the line when it has served.
""",
)

TEMPLATE_FAILED = Code(
    number="MG0037",
    slug="template-failed",
    severity=Severity.ERROR,
    title="a templated source cannot be rendered",
    page="""
Jinja2 stopped at this line: a syntax error, a variable that the environment does not have (undefined names are
errors, not empty text), or something that the sandbox does not allow.

```yaml
weight: {{ vars.canary_wieght }}
```

Correct the name, or set the variable under `environments.<name>.vars`. Templates see `vars` and `environment`, and no
files.
""",
)

TEMPLATE_TOO_LARGE = Code(
    number="MG0038",
    slug="template-too-large",
    severity=Severity.ERROR,
    title="a templated source renders to more than 16 MiB",
    page="""
A loop in the template makes more text than any mesh needs.

```yaml
{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}
```

Check the bounds of its loops.
""",
)
