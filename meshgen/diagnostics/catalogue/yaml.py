"""Codes MG0001 to MG0019, the text of YAML and JSON sources."""

from __future__ import annotations

from meshgen.diagnostics.model import Code, Severity

INVALID_YAML = Code(
    number="MG0001",
    slug="invalid-yaml",
    severity=Severity.ERROR,
    title="the text is no YAML",
    page="""
The parser cannot make sense of the text from this place on. The document is left out; documents before and after it
in the same file are read.

```yaml
spec:
  hosts: [shop.example.com     # the bracket never closes
```

Close what is open, indent with spaces, and put a value in quotes that begins with one of `@ ` % & * ! | > [ {` or
holds `: ` or ` #`.
""",
)

TABS = Code(
    number="MG0002",
    slug="tab-indentation",
    severity=Severity.ERROR,
    title="a tab where YAML wants spaces",
    page="""
YAML does not allow tabs in indentation, since nobody agrees how wide they are.

```yaml
spec:
\thosts: []      # a tab
```

Indent with spaces. Inside of brackets and of strings tabs are allowed.
""",
)

NOT_UTF8 = Code(
    number="MG0003",
    slug="not-utf8",
    severity=Severity.ERROR,
    title="a file that is not UTF-8",
    page="""
meshgen reads UTF-8, with or without a byte-order mark, and nothing else: no UTF-16, no Latin-1. Guessing the encoding
would give other names and hosts than those that were written.

```console
$ file shop.yaml
shop.yaml: Unicode text, UTF-16, little-endian text
```

Save the file as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`.
""",
)

CONTROL_CHARACTER = Code(
    number="MG0004",
    slug="control-character",
    severity=Severity.ERROR,
    title="a character that YAML does not allow in text",
    page="""
Control characters (NUL, escape, delete …), a byte-order mark in the middle of a file, and the line ends U+0085,
U+2028 and U+2029, which YAML 1.1 and YAML 1.2 read differently. They are invisible in an editor and come from copying
or from a damaged file.

```yaml
name: "cata\\u0007log"     # fine: written as an escape
```

Remove the character, or write it as an escape in a string in double quotes.
""",
)

DUPLICATE_KEY = Code(
    number="MG0005",
    slug="duplicate-key",
    severity=Severity.ERROR,
    title="one map has a key twice",
    page="""
Many readers keep the last value and drop the first in silence, so half of what was written has no effect. YAML
forbids it.

```yaml
spec:
  hosts: [a.example.com]
  hosts: [b.example.com]     # a.example.com is lost
```

Remove one, or merge both values into one.
""",
)

KEY_NOT_STRING = Code(
    number="MG0006",
    slug="key-not-string",
    severity=Severity.ERROR,
    title="a key that is not a string",
    page="""
Objects of Kubernetes are JSON, whose keys are strings. A truth value, null, a list or a map as a key has no JSON form, nor has a
number that can be written in more than one way. A plain integer such as `8080` is taken as its text, as kubectl does.

```yaml
labels:
  1.50: a       # 1.5 to some readers
  true: b       # a truth value
```

Put the key in quotes: `"true": b`.
""",
)

UNKNOWN_TAG = Code(
    number="MG0007",
    slug="unknown-tag",
    severity=Severity.ERROR,
    title="a tag that names no JSON type",
    page="""
Only `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq` are known, and only on values that are such.
Other tags ask a program to build an object of its own, which meshgen never does.

```yaml
spec: !include other.yaml
```

Write the value itself. `!!binary` and `!!timestamp` are strings in Kubernetes: put them in quotes.
""",
)

NOT_A_JSON_NUMBER = Code(
    number="MG0008",
    slug="not-a-json-number",
    severity=Severity.ERROR,
    title="a number that JSON cannot hold",
    page="""
Infinities and not-a-number have no JSON form, and integers beyond 64 bits are rounded or refused by the API server.

```yaml
weight: .inf
build: 123456789012345678901234567890
```

Write a number that fits, or put the value in quotes if it is a name.
""",
)

TOO_DEEP = Code(
    number="MG0009",
    slug="too-deep",
    severity=Severity.ERROR,
    title="a document is nested more than 100 levels deep",
    page="""
No object of Istio or Kubernetes comes near 100 levels; a text that does is damaged or made to exhaust its reader.

```yaml
spec: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
```

Look for brackets that never close, or for a generator that wraps its own output.
""",
)

ALIAS_EXPANSION = Code(
    number="MG0010",
    slug="alias-expansion",
    severity=Severity.ERROR,
    title="the aliases of a document stand for too many values",
    page="""
Aliases of aliases grow exponentially: nine lines can stand for a thousand million values. meshgen allows the aliases
and merge keys of one document to add 100,000 values.

```yaml
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
```

Write the values out, or generate them from Python.
""",
)

YAML_VERSIONS_DIFFER = Code(
    number="MG0011",
    slug="yaml-versions-differ",
    severity=Severity.WARNING,
    title="a value that YAML 1.1 and YAML 1.2 read differently",
    page="""
meshgen reads YAML 1.2: `on`, `yes` and `y` are strings, `012` is twelve. kubectl and other YAML 1.1 readers take `on`
for true and `012` for ten. A native object that is also applied from its source would mean two things. In an intent,
which only meshgen reads, the warning comes only where both versions read a number and not the same one.

```yaml
metadata:
  labels: {istio-injection: on, build: 012}
```

Put strings in quotes, `"on"`, and write numbers without leading zeros, underscores or colons. docs/yaml.md has the
whole list.
""",
)

NOT_A_MAPPING = Code(
    number="MG0012",
    slug="not-a-map",
    severity=Severity.ERROR,
    title="a document that is no map",
    page="""
Every resource is a map with `apiVersion`, `kind` and `metadata`. A list or a single value at the top of a document is
often a forgotten `kind: List`, or a file that is no resource at all.

```yaml
- kind: Service
- kind: Route
```

Separate resources with `---`, or wrap them as `{apiVersion: v1, kind: List, items: [...]}`. Leave other YAML files
out of `sources`.
""",
)

INVALID_MERGE_KEY = Code(
    number="MG0013",
    slug="invalid-merge-key",
    severity=Severity.ERROR,
    title="a merge key draws from something that is no map",
    page="""
`<<` copies the keys of a map, or of each map in a list, into the map that it stands in.

```yaml
base: &base 5
spec:
  <<: *base       # a number has no keys
```

Point it at a map, or write `"<<"` in quotes for a key of that name.
""",
)
