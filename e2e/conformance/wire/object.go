package wire

// Object is a JSON object that is read leniently: what is missing or of another type reads as nothing, and a test that cares says so.
type Object map[string]any

// Of takes a value for an object; anything else is an empty one.
func Of(value any) Object {
	if object, is := value.(Object); is {
		return object
	}
	object, _ := value.(map[string]any)
	return object
}

// Has says whether there is a key, whatever its value.
func (o Object) Has(key string) bool { _, has := o[key]; return has }

// Of is the object at a key.
func (o Object) Of(key string) Object { return Of(o[key]) }

// Text is the string at a key.
func (o Object) Text(key string) string { text, _ := o[key].(string); return text }

// Number is the number at a key.
func (o Object) Number(key string) float64 { number, _ := o[key].(float64); return number }

// Bool is the boolean at a key.
func (o Object) Bool(key string) bool { is, _ := o[key].(bool); return is }

// List is the array at a key.
func (o Object) List(key string) []any { list, _ := o[key].([]any); return list }

// Texts are the strings in the array at a key.
func (o Object) Texts(key string) []string {
	var texts []string
	for _, value := range o.List(key) {
		if text, is := value.(string); is {
			texts = append(texts, text)
		}
	}
	return texts
}

// Kind names the JSON type of a value.
func Kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	}
	return "object"
}
