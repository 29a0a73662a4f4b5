package openai

import (
	"encoding/json"
	"slices"
	"strings"
)

// messages checks every message, and that each tool call is answered by a tool message that follows it.
func (r *request) messages(f fieldSet) *refusal {
	if !f.has("messages") {
		return invalid("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	}
	var raw []json.RawMessage
	if ref := f.take("messages", "an array of objects", &raw); ref != nil {
		return ref
	}
	if len(raw) == 0 {
		return invalid("messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	var open []string // calls of the last assistant message that are not answered yet
	asked := -1
	for i, m := range raw {
		msg, ref := readMessage(i, m)
		if ref != nil {
			return ref
		}
		if msg.Role == "tool" {
			k := slices.Index(open, msg.ToolCallID)
			if asked < 0 {
				return invalid(at("messages.[%d].role", i), "", "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.")
			}
			if k < 0 {
				return invalid(at("messages.[%d].tool_call_id", i), "", "Invalid parameter: 'tool_call_id' of '%s' not found in 'tool_calls' of previous message.", clip(msg.ToolCallID))
			}
			open = slices.Delete(open, k, k+1)
		} else {
			if len(open) > 0 {
				return unanswered(asked, open)
			}
			asked = -1
		}
		if len(msg.ToolCalls) > 0 {
			asked = i
			for _, c := range msg.ToolCalls {
				open = append(open, c.ID)
			}
		}
		r.Messages = append(r.Messages, msg)
	}
	if len(open) > 0 {
		return unanswered(asked, open)
	}
	return nil
}

func unanswered(i int, ids []string) *refusal {
	return invalid(at("messages.[%d].role", i), "", "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: %s", clip(strings.Join(ids, ", ")))
}

func readMessage(i int, raw json.RawMessage) (message, *refusal) {
	var m message
	var fields fieldSet
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return m, invalid(at("messages[%d]", i), "invalid_type", "Invalid type for 'messages[%d]': expected an object, but got %s instead.", i, kindOf(raw))
	}
	if !fields.has("role") {
		return m, invalid(at("messages[%d].role", i), "missing_required_parameter", "Missing required parameter: 'messages[%d].role'.", i)
	}
	if json.Unmarshal(raw, &m.MessageBody) != nil {
		return m, invalid(at("messages[%d]", i), "invalid_type", "Invalid type for 'messages[%d]': a member has the wrong type.", i)
	}
	if !slices.Contains([]string{"system", "assistant", "user", "function", "tool", "developer"}, m.Role) {
		return m, invalid(at("messages[%d].role", i), "invalid_value", "Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", clip(m.Role))
	}
	if ref := m.content(i, fields); ref != nil {
		return m, ref
	}
	if m.Role == "tool" && m.ToolCallID == "" {
		return m, invalid(at("messages[%d].tool_call_id", i), "missing_required_parameter", "Missing required parameter: 'messages[%d].tool_call_id'.", i)
	}
	return m, m.calls(i, fields)
}

// content takes a string or a list of parts. Only an assistant that calls tools may be without.
func (m *message) content(i int, fields fieldSet) *refusal {
	raw, given := fields["content"]
	silent := m.Role == "assistant" && (len(m.ToolCalls) > 0 || fields.has("refusal") || fields.has("function_call"))
	switch {
	case !given && silent:
		return nil
	case !given:
		return invalid(at("messages[%d].content", i), "missing_required_parameter", "Missing required parameter: 'messages[%d].content'.", i)
	case string(raw) == "null":
		if silent {
			return nil
		}
		return invalid(at("messages.[%d].content", i), "", "Invalid value for 'content': expected a string, got null.")
	case json.Unmarshal(raw, &m.text) == nil:
		return nil
	}
	var parts []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return invalid(at("messages[%d].content", i), "invalid_type", "Invalid type for 'messages[%d].content': expected one of a string or array of objects, but got %s instead.", i, kindOf(raw))
	}
	if len(parts) == 0 {
		return invalid(at("messages[%d].content", i), "empty_array", "Invalid 'messages[%d].content': empty array. Expected an array with minimum length 1, but got an empty array instead.", i)
	}
	var texts []string
	for k, p := range parts {
		switch p.Type {
		case "text", "refusal":
			if p.Text == nil && p.Type == "text" {
				return invalid(at("messages[%d].content[%d].text", i, k), "missing_required_parameter", "Missing required parameter: 'messages[%d].content[%d].text'.", i, k)
			}
			if p.Text != nil {
				texts = append(texts, *p.Text)
			}
		case "image_url", "file":
			if m.Role != "user" {
				return invalid(at("messages.[%d].content.[%d].type", i, k), "", "Invalid content type. %s is only allowed in messages with role 'user'.", p.Type)
			}
		case "input_audio":
			return invalid(at("messages[%d].content[%d]", i, k), "invalid_value", "This model does not support audio input.")
		default:
			return invalid(at("messages[%d].content[%d].type", i, k), "invalid_value", "Invalid value: '%s'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'.", clip(p.Type))
		}
	}
	m.text = strings.Join(texts, "\n")
	return nil
}

func (m *message) calls(i int, fields fieldSet) *refusal {
	if !fields.has("tool_calls") {
		return nil
	}
	if m.Role != "assistant" {
		return invalid(at("messages[%d].tool_calls", i), "unknown_parameter", "Unknown parameter: 'messages[%d].tool_calls'.", i)
	}
	if len(m.ToolCalls) == 0 {
		return invalid(at("messages[%d].tool_calls", i), "empty_array", "Invalid 'messages[%d].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.", i)
	}
	var raw []struct {
		ID       *string `json:"id"`
		Type     *string `json:"type"`
		Function *struct {
			Name      *string `json:"name"`
			Arguments *string `json:"arguments"`
		} `json:"function"`
	}
	_ = json.Unmarshal(fields["tool_calls"], &raw) // its shape was read before
	for k, c := range raw {
		path := at("messages[%d].tool_calls[%d]", i, k)
		switch {
		case c.ID == nil:
			path += ".id"
		case c.Type == nil:
			path += ".type"
		case c.Function == nil:
			path += ".function"
		case c.Function.Name == nil:
			path += ".function.name"
		case c.Function.Arguments == nil:
			path += ".function.arguments"
		case *c.Type != "function":
			return invalid(path+".type", "invalid_value", "Invalid value: '%s'. Supported values are: 'function'.", clip(*c.Type))
		default:
			continue
		}
		return invalid(path, "missing_required_parameter", "Missing required parameter: '%s'.", path)
	}
	return nil
}
