package config

import (
	"fmt"
	"io"
	"os"
)

// mostEnvFile bounds a file with variables, in bytes.
const mostEnvFile = 1 << 20

// EnvValue is one variable of a file and where it stands, "FILE:LINE".
type EnvValue struct{ Value, At string }

// ReadEnvFile reads a file of NAME=value lines. name is how faults and origins call it. A fault never tells
// the line itself, which may hold a key.
func ReadEnvFile(path, name string) (map[string]EnvValue, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, mostEnvFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > mostEnvFile:
		return nil, fmt.Errorf("%s: longer than %d bytes", name, mostEnvFile)
	}
	vars, faults := readEnv(nil, name, data)
	if len(faults) > 0 {
		return nil, faults
	}
	out := make(map[string]EnvValue, len(vars))
	for n, v := range vars {
		out[n] = EnvValue{v.value, v.origin}
	}
	return out, nil
}
