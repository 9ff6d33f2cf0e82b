#!/bin/sh
# The main job, on this example: compile it, then show what a change of the canary's weight does. Run by `make demo`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
here=examples/storefront
rm -rf demo/after
mkdir -p demo

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }

say meshgen compile
meshgen compile --project "$here" --output demo/out
find demo/out/istio -name '*.yaml' | LC_ALL=C sort | sed 's/^/  /'
for proxy in demo/out/envoy/*/*/; do
    printf '  %s: bootstrap.json and %d files of xDS JSON\n' "$proxy" "$(find "$proxy" -mindepth 2 -name '*.json' | wc -l)"
done

say cat demo/out/istio/shop/webapp.yaml
cat demo/out/istio/shop/webapp.yaml

say "meshgen trace --from shop/webapp http://catalog/items"
meshgen trace --project "$here" --from shop/webapp http://catalog/items

cp -R "$here" demo/after
sed 's/to: v2, weight: 10}/to: v2, weight: 25}/' "$here/mesh/catalog.yaml" > demo/after/mesh/catalog.yaml
say "git diff   # what a colleague proposes"
diff -u "$here/mesh/catalog.yaml" demo/after/mesh/catalog.yaml | sed '1,2d' || true

say "meshgen diff   # what it means"
status=0
meshgen diff --directories "$here" demo/after || status=$?
[ "$status" -eq 1 ] # 1: they differ
