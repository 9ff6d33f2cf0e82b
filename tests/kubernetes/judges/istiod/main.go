// istiod says what Istio's own code makes of what meshgen emits: its webhook of objects, its reader of MeshConfig, its charts.
//
// Usage: istiod QUESTIONS ANSWERS. A line of the first file is {"as": …, "value": …}, of the second {"errors": …, "warnings": …}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "istio.io/api/envoy/extensions/stats" // a type that EnvoyFilters name, known to istiod
	meshconfig "istio.io/api/mesh/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"istio.io/istio/operator/pkg/apis/validation"
	"istio.io/istio/operator/pkg/helm"
	"istio.io/istio/operator/pkg/manifest"
	"istio.io/istio/operator/pkg/render"
	"istio.io/istio/operator/pkg/values"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/config/validation/agent"
	"istio.io/istio/pkg/util/protomarshal"
)

type question struct {
	// object, meshConfig, meshNetworks, operator, or the folder of a chart whose values it is
	As    string          `json:"as"`
	Value json.RawMessage `json:"value"`
}

type answer struct {
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

func (a *answer) refuse(err error) {
	if err != nil {
		a.Errors = append(a.Errors, err.Error())
	}
}

func (a *answer) warn(err error) {
	if err != nil {
		a.Warnings = append(a.Warnings, err.Error())
	}
}

func (q question) answer(directory string) (a answer) {
	switch q.As {
	case "object":
		a.object(q.Value)
	case "meshConfig":
		a.meshConfig(string(q.Value))
	case "meshNetworks":
		a.refuse(protomarshal.ApplyYAMLStrict(string(q.Value), &meshconfig.MeshNetworks{}))
		_, err := mesh.ParseMeshNetworks(string(q.Value))
		a.refuse(err)
	case "operator":
		a.operator(q.Value, directory)
	default:
		a.chart(q.As, q.Value)
	}
	return a
}

// object is what the webhook of istiod does, and no unknown field besides.
func (a *answer) object(value []byte) {
	var object crd.IstioKind
	if err := json.Unmarshal(value, &object); err != nil {
		a.refuse(err)
		return
	}
	kind := object.GroupVersionKind()
	schema, known := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&kind))
	if !known {
		a.refuse(fmt.Errorf("istiod does not know %v", kind))
		return
	}
	strict := func(schema resource.Schema, text string) (config.Spec, error) {
		spec, err := schema.NewInstance()
		if err != nil {
			return nil, err
		}
		return spec, config.ApplyJSONStrict(spec, text)
	}
	found, err := crd.ConvertObjectInternal(schema, &object, "cluster.local", strict)
	if err != nil {
		a.refuse(err)
		return
	}
	warning, err := schema.ValidateConfig(*found)
	a.warn(warning)
	a.refuse(err)
}

func (a *answer) meshConfig(text string) {
	a.refuse(protomarshal.ApplyYAMLStrict(text, &meshconfig.MeshConfig{}))
	whole, err := mesh.ApplyMeshConfig(text, mesh.DefaultMeshConfig())
	if err != nil {
		a.refuse(err)
		return
	}
	warning, err := agent.ValidateMeshConfig(whole)
	a.warn(warning)
	a.refuse(err)
}

// operator is what `istioctl manifest generate` does.
func (a *answer) operator(value []byte, directory string) {
	file := filepath.Join(directory, "operator.yaml")
	if err := os.WriteFile(file, value, 0o600); err != nil {
		a.refuse(err)
		return
	}
	sets, _, err := render.GenerateManifest([]string{file}, nil, false, nil, nil)
	a.refuse(err)
	for _, set := range sets {
		a.rendered(set.Manifests)
	}
}

// chart is what `helm template` does, and what istioctl says of the same values.
func (a *answer) chart(folder string, value []byte) {
	given, err := values.MapFromJSON(value)
	if err != nil {
		a.refuse(err)
		return
	}
	installation := values.MakeMap(given, "spec", "values")
	if folder != "gateway" { // whose values have a JSON Schema of the chart's
		warnings, errors := validation.ParseAndValidateIstioOperator(installation, nil)
		a.warn(warnings.ToError())
		a.refuse(errors.ToError())
	}
	manifests, _, err := helm.Render("meshgen", "istio-system", folder, installation, nil)
	a.refuse(err)
	a.rendered(manifests)
}

// rendered reads the MeshConfig that a chart made of its values.
func (a *answer) rendered(manifests []manifest.Manifest) {
	for _, each := range manifests {
		text, _, _ := unstructured.NestedString(each.Object, "data", "mesh")
		if each.GetKind() == "ConfigMap" && strings.HasPrefix(each.GetName(), "istio") && text != "" {
			a.meshConfig(text)
		}
	}
}

func main() {
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	directory, err := os.MkdirTemp("", "istiod")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 64<<20)
	var out bytes.Buffer
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		line, _ := json.Marshal(asked.answer(directory))
		out.Write(append(line, '\n'))
	}
	if err := os.WriteFile(os.Args[2], out.Bytes(), 0o600); err != nil {
		panic(err)
	}
}
