"""Codes MG08xx, writing, delivery and rollout order."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

OUTPUT_PATH_UNSAFE = Code(
    number="MG0801",
    slug="output-path-unsafe",
    severity=Severity.ERROR,
    title="an output path that leads out of the output directory, or that no file system takes",
    page="""
meshgen writes and removes files only inside of the output directory. A path with `..`, an absolute path, a path
through a symbolic link, or one that is at once a file and a directory of another file is refused, and nothing at all
is written.

```
deploy/shop -> ../../elsewhere      # a symbolic link
deploy/shop/catalog.yaml            # would be written elsewhere
```

Replace the link by a directory, or give the place that is meant as the output directory.
""",
)

FOREIGN_FILE = Code(
    number="MG0802",
    slug="foreign-file-in-the-way",
    severity=Severity.ERROR,
    title="a file that meshgen did not write stands where it wants to write",
    page="""
meshgen keeps a list of what it wrote (`.meshgen-manifest` in the output directory) and touches nothing else, not even
with `--force`. A file of somebody else at a path that the output needs stops the run before anything is written. (A
file that already has exactly the bytes to be written is taken over in silence.)

```
deploy/shop/catalog.yaml            # written by hand; the intent `catalog` gives a file of that name
```

Move or delete the file, add its objects to the sources (native objects are welcome there), or choose another output
directory.
""",
)

EDITED_OUTPUT = Code(
    number="MG0803",
    slug="edited-output-file",
    severity=Severity.ERROR,
    title="an output file was edited after meshgen wrote it",
    page="""
The file's bytes are no longer those that meshgen wrote, and writing or removing it would lose the edit. Nothing is
written.

```
kubectl edit … > deploy/shop/catalog.yaml     # a quick fix in the output
meshgen compile -o deploy                     # would undo it
```

Bring the edit into the sources (an intent's `patches:` can say what it has no word for), then run again with
`--force`, which overwrites edited files of meshgen's own.
""",
)

MANIFEST_UNREADABLE = Code(
    number="MG0804",
    slug="output-manifest-unreadable",
    severity=Severity.ERROR,
    title="the list of what meshgen wrote cannot be read",
    page="""
`.meshgen-manifest` in the output directory says which files are meshgen's. Without it meshgen cannot tell its own
files from those of others, so it writes nothing. A merge in git that left conflict marks in it is the usual cause.

```
<<<<<<< HEAD
"shop/catalog.yaml": "4be1…",
=======
```

Take either side of the conflict, in this file and in the output files, then run again with `--force`: the output is
made from the sources anyway. Where nothing else is in the output directory, deleting the directory does as well.
""",
)

OUTPUT_LOCKED = Code(
    number="MG0805",
    slug="output-locked",
    severity=Severity.ERROR,
    title="another meshgen is writing to the same output directory",
    page="""
Two runs that write to one directory would undo each other's work. The second one waits a little and then gives up
without writing.

```shell
meshgen compile --env prod & meshgen compile --env test    # both write to out/istio
```

Run them one after the other, or give each an output directory of its own. The lock is bound to the running process:
one that was killed holds none.
""",
)

OUTPUT_NOT_WRITABLE = Code(
    number="MG0806",
    slug="output-not-writable",
    severity=Severity.ERROR,
    title="the operating system refused to write the output",
    page="""
No space left, no permission, a read-only file system, or a part of the output directory that is another file system.
The output directory has its old content, unless the message says that a write was interrupted: then the next run
completes it.

```shell
sudo meshgen compile      # out/istio belongs to root now
meshgen compile           # and nobody else may write to it
```

Free some space or set the permissions right, and run again. The user who runs meshgen must be allowed to write to the
output directory and to each directory in it that meshgen writes to.
""",
)

OUTPUT_DIRECTORY_UNUSABLE = Code(
    number="MG0807",
    slug="output-directory-unusable",
    severity=Severity.ERROR,
    title="the output directory is a symbolic link or no directory",
    page="""
A link in a repository could lead a build to write anywhere, so the output directory itself must not be a symbolic
link; the directories above it may be.

```
meshgen compile -o current          # current -> releases/7
```

Give the directory that the link leads to.
""",
)

INTERRUPTED_WRITE = Code(
    number="MG0808",
    slug="interrupted-write-blocked",
    severity=Severity.ERROR,
    title="an interrupted write cannot be completed",
    page="""
An earlier run was killed while it replaced files, and what it left cannot be completed: a file that it was about to
replace has been edited since, or what it had prepared is damaged or is not meshgen's. Nothing was touched.

```shell
meshgen compile                        # killed while it replaced files
$EDITOR out/istio/shop/catalog.yaml    # one of those that it had not come to
meshgen compile                        # would overwrite the edit
```

Keep the edit elsewhere and run again with `--force`, which completes the write and overwrites the file. Where the
message names a leftover directory, look into it and delete it.
""",
)

DELIVERY_PLACEHOLDER = Code(
    number="MG0809",
    slug="delivery-placeholder",
    severity=Severity.INFO,
    title="the Argo CD or Flux example has a placeholder",
    page="""
The documents beside the output name the git repository that the output is committed to. What the project does not say
stands in them as `REPLACE-ME`, and they do not work before it is replaced.

```yaml
# meshgen.yaml
spec:
  outputs:
    istio:
      deliver:
        flux: {repository: "https://git.example.com/shop/mesh.git"}    # and no revision
```

Say the branch, the tag (`refs/tags/v1`) or the commit: `revision: main`.
""",
)
