package trouble

import (
	"encoding/json"

	"xo-operator.dev/e2e/testlab"
)

// withoutServerFields gives an object as one would create it: without what the API server added.
func withoutServerFields(t *testlab.Test, text string) string {
	t.Helper()
	var object map[string]any
	t.Must(json.Unmarshal([]byte(text), &object))
	metadata, _ := object["metadata"].(map[string]any)
	for _, name := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
		delete(metadata, name)
	}
	delete(object, "status")
	clean, err := json.Marshal(object)
	t.Must(err)
	return string(clean)
}
