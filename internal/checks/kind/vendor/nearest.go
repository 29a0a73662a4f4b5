package vendor

import (
	"fmt"

	"github.com/voicectl/voicectl/internal/envcat"
)

// nearest is `; did you mean "x"?` for the name that a person most likely meant, else "".
func nearest(name string, names []string) string {
	if near := envcat.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
