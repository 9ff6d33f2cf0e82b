// kubernetes reads core objects with Kubernetes' own types, strictly, and holds ConfigMaps and names to its own rules.
//
// Usage: kubernetes QUESTIONS ANSWERS. A line of the first file is {"as": "object", "value": …}, of the second {"errors": …}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	labels "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	strict := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{Strict: true})

	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 64<<20)
	var out bytes.Buffer
	for lines.Scan() {
		var asked struct {
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		answer := map[string][]string{"errors": judged(strict, asked.Value), "warnings": {}}
		line, _ := json.Marshal(answer)
		out.Write(append(line, '\n'))
	}
	if err := os.WriteFile(os.Args[2], out.Bytes(), 0o600); err != nil {
		panic(err)
	}
}

func judged(strict runtime.Decoder, value []byte) []string {
	found := []string{}
	object, _, err := strict.Decode(value, nil, nil)
	if err != nil {
		return append(found, fmt.Sprint(err))
	}
	about, err := meta.Accessor(object)
	if err != nil {
		return append(found, fmt.Sprint(err))
	}
	found = append(found, validation.IsDNS1123Subdomain(about.GetName())...)
	for _, each := range labels.ValidateLabels(about.GetLabels(), field.NewPath("metadata", "labels")) {
		found = append(found, each.Error())
	}
	if held, ok := object.(*core.ConfigMap); ok {
		// As ValidateConfigMap of k8s.io/kubernetes: keys, and the bytes of all values.
		total := 0
		for key, text := range held.Data {
			found = append(found, validation.IsConfigMapKey(key)...)
			total += len(text)
		}
		if total > core.MaxSecretSize {
			found = append(found, fmt.Sprintf("%d bytes are more than %d", total, core.MaxSecretSize))
		}
	}
	return found
}
