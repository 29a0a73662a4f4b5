package openai

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

const (
	maxTools    = 128
	maxToolName = 64
)

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func (r *request) tools(f fieldSet) *refusal {
	if !f.has("tools") {
		return nil
	}
	if ref := f.take("tools", "an array of objects", &r.Tools); ref != nil {
		return ref
	}
	if n := len(r.Tools); n == 0 {
		return invalid("tools", "empty_array", "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	} else if n > maxTools {
		return invalid("tools", "array_above_max_length", "Invalid 'tools': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxTools, n)
	}
	var names []string
	for i, t := range r.Tools {
		path := at("tools[%d]", i)
		switch {
		case t.Type == "":
			return missing(path + ".type")
		case t.Type != "function":
			return invalid(path+".type", "invalid_value", "Invalid value: '%s'. Supported values are: 'function' and 'custom'.", clip(t.Type))
		case t.Function == nil:
			return missing(path + ".function")
		case t.Function.Name == "":
			return missing(path + ".function.name")
		case len(t.Function.Name) > maxToolName:
			return invalid(path+".function.name", "string_above_max_length", "Invalid '%s.function.name': string too long. Expected a string with maximum length %d, but got a string with length %d instead.", path, maxToolName, len(t.Function.Name))
		case !toolName.MatchString(t.Function.Name):
			return invalid(path+".function.name", "invalid_value", "Invalid '%s.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", path)
		case slices.Contains(names, t.Function.Name):
			return invalid(path+".function.name", "invalid_value", "Invalid '%s.function.name': duplicate function name '%s'.", path, t.Function.Name)
		}
		names = append(names, t.Function.Name)
		if len(t.Function.Parameters) == 0 || string(t.Function.Parameters) == "null" {
			continue
		}
		strict := t.Function.Strict != nil && *t.Function.Strict
		if why := schemaFault(t.Function.Parameters, nil, strict, 0); why != "" {
			return invalid(path+".function.parameters", "invalid_function_parameters", "Invalid schema for function '%s': %s", t.Function.Name, why)
		}
	}
	return nil
}

func missing(path string) *refusal {
	return invalid(path, "missing_required_parameter", "Missing required parameter: '%s'.", path)
}

// schemaFault says what the vendor dislikes about a schema, "" when nothing.
func schemaFault(raw json.RawMessage, path []string, strict bool, depth int) string {
	var s struct {
		Type       json.RawMessage            `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Items      json.RawMessage            `json:"items"`
		Additional json.RawMessage            `json:"additionalProperties"`
		Ref        string                     `json:"$ref"`
	}
	where := "In context=(" + inQuotes(path) + "), "
	if err := json.Unmarshal(raw, &s); err != nil {
		return where + kindOf(raw) + " is not of type 'object', 'boolean'."
	}
	if depth > 10 {
		return where + "the schema is nested too deeply."
	}
	types := typeNames(s.Type)
	if depth == 0 && !slices.Equal(types, []string{"object"}) {
		got := strings.Trim(string(s.Type), `"`)
		if got == "" {
			got = "None"
		}
		return `schema must be a JSON Schema of 'type: "object"', got 'type: "` + clip(got) + `"'.`
	}
	for _, t := range types {
		if !slices.Contains([]string{"object", "array", "string", "number", "integer", "boolean", "null"}, t) {
			return where + "'" + clip(t) + "' is not valid under any of the given schemas."
		}
	}
	if slices.Contains(types, "array") && len(s.Items) == 0 {
		return where + "array schema missing items."
	}
	names := make([]string, 0, len(s.Properties))
	for n := range s.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	if strict && slices.Contains(types, "object") {
		if string(s.Additional) != "false" {
			return where + "'additionalProperties' is required to be supplied and to be false."
		}
		for _, n := range names {
			if !slices.Contains(s.Required, n) {
				return where + "'required' is required to be supplied and to be an array including every key in properties. Missing '" + clip(n) + "'."
			}
		}
	}
	for _, n := range names {
		if why := schemaFault(s.Properties[n], append(path, "properties", n), strict, depth+1); why != "" {
			return why
		}
	}
	if len(s.Items) > 0 && s.Items[0] == '{' {
		return schemaFault(s.Items, append(path, "items"), strict, depth+1)
	}
	return ""
}

func inQuotes(path []string) string {
	quoted := make([]string, len(path))
	for i, p := range path {
		quoted[i] = "'" + clip(p) + "'"
	}
	return strings.Join(quoted, ", ")
}

func typeNames(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(raw, &many) // neither form = no type
	return many
}

// toolChoice takes "auto", "none", "required", or an object that names a function.
func (r *request) toolChoice(f fieldSet) *refusal {
	if f.has("parallel_tool_calls") {
		parallel := true
		if ref := f.take("parallel_tool_calls", "a boolean", &parallel); ref != nil {
			return ref
		}
		if len(r.Tools) == 0 {
			return invalid("parallel_tool_calls", "", "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.")
		}
		r.OneCall = !parallel
	}
	if !f.has("tool_choice") {
		return nil
	}
	var mode string
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch {
	case json.Unmarshal(f["tool_choice"], &mode) == nil:
		if !slices.Contains([]string{"none", "auto", "required"}, mode) {
			return invalid("tool_choice", "invalid_value", "Invalid value: '%s'. Supported values are: 'none', 'auto', and 'required'.", clip(mode))
		}
		r.Choice.mode = mode
	case json.Unmarshal(f["tool_choice"], &named) == nil:
		if named.Type != "function" {
			return invalid("tool_choice.type", "invalid_value", "Invalid value: '%s'. Supported values are: 'function', 'allowed_tools', and 'custom'.", clip(named.Type))
		}
		if named.Function.Name == "" {
			return missing("tool_choice.function.name")
		}
		r.Choice = choice{"named", named.Function.Name}
	default:
		return invalid("tool_choice", "invalid_type", "Invalid type for 'tool_choice': expected one of 'none', 'auto', 'required' or an object, but got %s instead.", kindOf(f["tool_choice"]))
	}
	if len(r.Tools) == 0 && r.Choice.mode != "none" {
		return invalid("tool_choice", "", "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
	}
	if r.Choice.mode == "named" && !slices.ContainsFunc(r.Tools, func(t toolBody) bool { return t.Function.Name == r.Choice.name }) {
		return invalid("tool_choice", "", "Tool choice '%s' not found in 'tools' parameter.", clip(r.Choice.name))
	}
	return nil
}
