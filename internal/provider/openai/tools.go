package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	api "github.com/sashabaranov/go-openai"
)

// encodedTools are tools as they stand in a request. An agent asks with the same ones in every turn, and a caller
// waits while they are encoded: so that is done once.
type encodedTools struct {
	tools []Tool
	json  []byte
}

// encode gives the JSON of the tools, nil when there are none.
func (c *Client) encode(tools []Tool) ([]byte, error) {
	if len(tools) == 0 {
		return nil, nil
	}
	if last := c.tools.Load(); last != nil && slices.EqualFunc(last.tools, tools, sameTool) {
		return last.json, nil
	}
	out := make([]api.Tool, 0, len(tools))
	kept := slices.Clone(tools)
	for i, t := range tools {
		params := t.Parameters
		if len(params) == 0 {
			params = json.RawMessage(`{"type":"object","properties":{}}`)
		}
		out = append(out, api.Tool{Type: api.ToolTypeFunction, Function: &api.FunctionDefinition{
			Name: t.Name, Description: t.Description, Strict: t.Strict, Parameters: params,
		}})
		kept[i].Parameters = bytes.Clone(t.Parameters)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	c.tools.Store(&encodedTools{kept, b})
	return b, nil
}

func sameTool(a, b Tool) bool {
	return a.Name == b.Name && a.Description == b.Description && a.Strict == b.Strict && bytes.Equal(a.Parameters, b.Parameters)
}

// withTools puts encoded tools into the body of a request that was encoded without them.
func withTools(req *http.Request, tools []byte) error {
	if len(tools) == 0 {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	_ = req.Body.Close() // it lies in memory
	body = bytes.TrimRight(body, " \n")
	if len(body) < 3 || body[len(body)-1] != '}' {
		return errors.New("the request is no JSON object")
	}
	out := make([]byte, 0, len(body)+len(tools)+len(`,"tools":`))
	out = append(append(append(out, body[:len(body)-1]...), `,"tools":`...), tools...)
	out = append(out, '}')
	req.ContentLength = int64(len(out))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out)), nil }
	req.Body, err = req.GetBody()
	return err
}
