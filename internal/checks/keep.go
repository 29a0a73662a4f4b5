package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mostEvidence bounds one evidence file in bytes.
const mostEvidence = 4 << 20

// Keep writes an evidence file, masked, into the folder of the run. Without a folder nothing is kept. The
// name is a plain file name; what does not belong into one is replaced.
func (s *Scope) Keep(name string, content []byte) ([]Evidence, error) {
	if s.Dir == "" {
		return nil, nil
	}
	if len(content) > mostEvidence {
		content = append(content[:mostEvidence:mostEvidence], "\n[cut here]\n"...)
	}
	masked := []byte(s.Mask.String(string(content)))
	sum := sha256.Sum256(masked)
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, strings.TrimLeft(name, "."))
	path := filepath.Join(s.Dir, hex.EncodeToString(sum[:4])+"-"+name)
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("keep evidence: %w", err)
	}
	if err := os.WriteFile(path, masked, 0o600); err != nil {
		return nil, fmt.Errorf("keep evidence: %w", err)
	}
	return []Evidence{{Path: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}}, nil
}
