// controllers reads objects of other projects' APIs with those projects' own Go types: no unknown field, no wrong type.
//
// Usage: controllers QUESTIONS ANSWERS. A line of the first file is {"as": "object", "value": …}, of the second {"errors": …}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{rollouts.AddToScheme, flagger.AddToScheme, monitoring.AddToScheme} {
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
		answer := map[string][]string{"errors": {}, "warnings": {}}
		if _, _, err := strict.Decode(asked.Value, nil, nil); err != nil {
			answer["errors"] = append(answer["errors"], fmt.Sprint(err))
		}
		line, _ := json.Marshal(answer)
		out.Write(append(line, '\n'))
	}
	if err := os.WriteFile(os.Args[2], out.Bytes(), 0o600); err != nil {
		panic(err)
	}
}
