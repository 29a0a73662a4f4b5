package container

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/client"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/voicectl/voicectl/internal/checks"
)

const (
	mostLog   = 1 << 20 // bytes of the build's output that are kept
	mostLines = 200_000
)

func dockerBuild() *checks.Kind {
	return &checks.Kind{
		Name: "docker.build", Title: "The image builds",
		Passes: "the engine builds the Dockerfile to its end, in time, and the image is not larger than asked",
		Why:    "An image that builds on one machine only is found out on the day of the release.",
		Fix:    "run the same build by hand, and mend the step that it names", Source: "Docker Engine API",
		Saves: "engine and version, image id, megabytes, seconds, output", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedRepo, checks.NeedEngine}, Cost: checks.Executes, Timeout: 20 * time.Minute,
		Params: []checks.Param{
			{Name: "file", Type: checks.Text, Default: "Dockerfile", Doc: "Dockerfile inside the repository"},
			{Name: "context", Type: checks.Text, Default: ".", Doc: "folder that is sent to the engine"},
			{Name: "tag", Type: checks.List, Doc: "names of the image; configured is the project's own (names: image), and a bare tag is one of that"},
			{Name: "within", Type: checks.Duration, Default: "10m", Doc: "it takes at most this"},
			{Name: "max_mb", Type: checks.Number, Doc: "the image has at most so many megabytes"},
		},
		Look: lookBuild,
	}
}

// built is the outcome of a build.
type built struct {
	id      string
	took    time.Duration
	failure string // what the builder said, "" = it came to its end
	log     []byte
	kit     bool
}

// modern are parts of a Dockerfile that the classic builder does not know.
var modern = regexp.MustCompile(`(?mi)^\s*(?:RUN\s+--(?:mount|network|security)|(?:COPY|ADD)\s+(?:--\S+\s+)*--(?:link|chmod|exclude|parents|checksum)|(?:RUN|COPY|ADD)\b.*<<-?["']?[A-Za-z_])`)

// lookBuild builds the image and judges that.
func lookBuild(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	c, err := open(ctx, scope)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = c.Close() }()
	tags := tagsOf(scope, with.List("tag"))
	context := with.Text("context")
	b, err := build1(ctx, scope, c, with.Text("file"), context, with.Duration("within"), tags)
	if err != nil {
		var gone *missingError
		if errors.As(err, &gone) {
			return checks.Skipped(gone.Error(), checks.Fix{Text: "write a Dockerfile", Commands: []string{"voicectl deploy init docker"}}), nil
		}
		return checks.Observation{}, err
	}
	saw := map[string]any{"engine": scope.Engine, "api": c.ClientVersion(), "seconds": b.took.Seconds(), "tags": tags, "buildkit": b.kit}
	fix := checks.Fix{Text: "mend the step that it names", Commands: []string{"docker build -f " + with.Text("file") + " " + context}}
	var obs checks.Observation
	switch {
	case b.failure != "" && unreachable.MatchString(b.failure):
		obs = checks.Unclear(saw, "the base image could not be fetched: "+b.failure, checks.Fix{Text: "let the engine reach the registry, or pull the image before"})
	case b.failure != "":
		obs = checks.Failed(saw, "exit 0", fix, checks.Problem{Text: b.failure, File: with.Text("file")})
	default:
		if obs, err = judgeImage(ctx, c, b, saw, with); err != nil {
			return obs, err
		}
	}
	obs.Evidence, err = scope.Keep("docker-build.log", b.log)
	return obs, err
}

func judgeImage(ctx context.Context, c *client.Client, b built, saw map[string]any, with checks.Values) (checks.Observation, error) {
	img, err := c.ImageInspect(ctx, b.id)
	if err != nil {
		return checks.Observation{}, fmt.Errorf("look at the image that was built: %w", err)
	}
	mb := float64(img.Size) / 1e6
	saw["id"], saw["mb"], saw["platform"] = img.ID, mb, img.Os+"/"+img.Architecture
	if limit := with.Number("max_mb"); limit > 0 && mb > limit {
		return checks.Failed(saw, fmt.Sprintf("at most %.0f MB", limit), checks.Fix{Text: "build in one stage and copy the result into another; leave caches out"},
			checks.Problem{Text: fmt.Sprintf("the image has %.0f MB", mb), File: with.Text("file")}), nil
	}
	return checks.Passed(saw), nil
}

// tagsOf are whole image names.
func tagsOf(scope *checks.Scope, tags []string) []string {
	name := imageName(scope)
	repository := name
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		repository = name[:colon]
	}
	var out []string
	for _, t := range tags {
		switch t {
		case "configured":
			t = name
		case "latest", "version":
			t = repository + ":" + t
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		out = []string{name}
	}
	return out
}

// unreachable are words of an engine that could not fetch a base image: that is no fault of the Dockerfile.
var unreachable = regexp.MustCompile(`(?i)dial tcp|no such host|i/o timeout|TLS handshake|connection refused|no active session|Client\.Timeout|network is unreachable|toomanyrequests|context deadline exceeded`)

// missingError is a Dockerfile that is not there.
type missingError struct{ file string }

func (e *missingError) Error() string { return "the repository has no " + e.file }

// build1 sends the context and reads what the engine says about it. A build that fails is an outcome.
func build1(ctx context.Context, scope *checks.Scope, c *client.Client, file, dir string, within time.Duration, tags []string) (built, error) {
	dir = strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(dir)), "/")
	rel := path.Clean(file)
	if inner, below := strings.CutPrefix(rel, dir+"/"); below && dir != "" {
		rel = inner
	} else if dir != "" {
		rel = path.Base(file) // named inside its own context
	}
	src, err := openSource(filepath.Join(scope.Repo, filepath.FromSlash(dir)), rel)
	if err != nil {
		return built{}, err
	}
	defer func() { _ = src.root.Close() }()
	text, err := src.root.ReadFile(rel)
	if err != nil {
		return built{}, &missingError{path.Join(dir, rel)}
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		writeErr := src.write(limited, w)
		_ = w.CloseWithError(writeErr)
		sent <- writeErr
	}()
	start := time.Now()
	o := client.ImageBuildOptions{Tags: tags, Dockerfile: rel, Remove: true, ForceRemove: true, Version: build.BuilderV1, Labels: map[string]string{"voicectl.check": "1"}}
	if modern.Match(text) {
		o.Version = build.BuilderBuildKit
	}
	b := built{kit: o.Version == build.BuilderBuildKit}
	resp, err := c.ImageBuild(limited, r, o)
	if err == nil {
		b.read(resp.Body)
		err = resp.Body.Close()
	} else if limited.Err() == nil {
		// The engine refuses what it cannot read, such as a Dockerfile with an unknown instruction.
		b.failure, err = err.Error(), nil
	}
	_ = r.CloseWithError(errors.New("the build is over"))
	writeErr := <-sent
	b.took = time.Since(start)
	switch {
	case ctx.Err() != nil:
		return b, ctx.Err()
	case errors.Is(writeErr, errTooLarge):
		b.failure = writeErr.Error()
	case limited.Err() != nil:
		b.failure = fmt.Sprintf("did not end within %v", within)
	case err != nil:
		return b, fmt.Errorf("build the image: %w", err)
	case b.failure == "" && b.id == "":
		b.failure = "ended without an image"
	}
	return b, nil
}

// read takes the messages of a builder until its end.
func (b *built) read(body io.Reader) {
	dec := json.NewDecoder(io.LimitReader(body, 256<<20))
	for range mostLines {
		var m struct {
			ID     string          `json:"id"`
			Stream string          `json:"stream"`
			Status string          `json:"status"`
			Error  string          `json:"error"`
			Aux    json.RawMessage `json:"aux"`
		}
		if err := dec.Decode(&m); err != nil {
			if !errors.Is(err, io.EOF) && b.failure == "" {
				b.failure = "the engine broke off: " + err.Error()
			}
			return
		}
		b.say(m.Stream)
		if m.Error != "" {
			b.failure = oneLine(m.Error)
			b.say(m.Error + "\n")
		}
		switch {
		case len(m.Aux) == 0:
		case m.ID == "moby.buildkit.trace":
			var raw string
			if json.Unmarshal(m.Aux, &raw) == nil {
				if msg, err := base64.StdEncoding.DecodeString(raw); err == nil {
					b.say(trace(msg))
				}
			}
		default:
			var aux struct{ ID string }
			if json.Unmarshal(m.Aux, &aux) == nil && aux.ID != "" {
				b.id = aux.ID
			}
		}
	}
}

func (b *built) say(s string) {
	if room := mostLog - len(b.log); room > 0 {
		b.log = append(b.log, s[:min(len(s), room)]...)
	}
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}

// trace is the text in a progress message of BuildKit: names and errors of steps (field 1: name 3, error 7),
// and what they wrote (field 3: bytes 4).
func trace(msg []byte) string {
	var out strings.Builder
	fields(msg, func(n protowire.Number, inner []byte) {
		texts := map[protowire.Number]string{}
		if n == 1 || n == 3 {
			fields(inner, func(n protowire.Number, v []byte) { texts[n] = string(v) })
		}
		if n == 1 && texts[7] != "" {
			out.WriteString(texts[3] + ": " + texts[7] + "\n")
		}
		if n == 3 {
			out.WriteString(texts[4])
		}
	})
	return out.String()
}

// fields calls do for every field of a message that holds bytes.
func fields(msg []byte, do func(protowire.Number, []byte)) {
	for len(msg) > 0 {
		n, typ, size := protowire.ConsumeTag(msg)
		if size < 0 {
			return
		}
		msg = msg[size:]
		if typ == protowire.BytesType {
			v, k := protowire.ConsumeBytes(msg)
			if k < 0 {
				return
			}
			do(n, v)
			msg = msg[k:]
			continue
		}
		k := protowire.ConsumeFieldValue(n, typ, msg)
		if k < 0 {
			return
		}
		msg = msg[k:]
	}
}

// image returns the image of a look: the one that is named, or the repository's own, built now. A build that was
// made before costs nothing, since the engine remembers its steps.
func image(ctx context.Context, scope *checks.Scope, c *client.Client, name string) (id string, fault *checks.Observation, err error) {
	if name != "" {
		if name == "configured" {
			name = imageName(scope)
		}
		img, lookErr := c.ImageInspect(ctx, name)
		if lookErr != nil {
			o := checks.Skipped("the engine has no image "+name, checks.Fix{Text: "build it first", Commands: []string{"docker build -t " + name + " ."}})
			return "", &o, nil //nolint:nilerr // said in words
		}
		return img.ID, nil, nil
	}
	file := "Dockerfile"
	b, err := build1(ctx, scope, c, file, ".", 15*time.Minute, []string{imageName(scope)})
	var gone *missingError
	switch {
	case errors.As(err, &gone):
		o := checks.Skipped(gone.Error(), checks.Fix{Text: "write a Dockerfile, or name an image", Commands: []string{"voicectl deploy init docker"}})
		return "", &o, nil
	case err != nil:
		return "", nil, err
	case b.failure != "":
		o := checks.Unclear(map[string]any{"build": b.failure}, "the image does not build, so that nothing can be told of it", checks.Fix{Text: "make it build first", Commands: []string{"docker build ."}})
		o.Evidence, err = scope.Keep("docker-build.log", slices.Clip(b.log))
		return "", &o, err
	}
	return b.id, nil, nil
}
