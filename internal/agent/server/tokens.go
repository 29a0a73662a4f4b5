package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const maxTokens = 10000

// tokens are one-use passes: 256 random bits, bound to what they were given for, good for a short while. Only
// their hashes are kept.
type tokens struct {
	now func() time.Time
	ttl time.Duration
	mu  sync.Mutex
	m   map[[sha256.Size]byte]pass
}

type pass struct {
	bound   string // CallSid of a phone call, "" for a browser
	agent   string
	debug   bool
	place   *place // of a phone call
	expires time.Time
}

func newTokens(now func() time.Time, ttl time.Duration) *tokens {
	return &tokens{now: now, ttl: ttl, m: map[[sha256.Size]byte]pass{}}
}

// issue makes a token.
func (t *tokens) issue(p pass) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(b[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.m) >= maxTokens {
		for k, v := range t.m {
			if now.After(v.expires) || len(t.m) >= maxTokens {
				v.place.free()
				delete(t.m, k)
			}
		}
	}
	p.expires = now.Add(t.ttl)
	t.m[sha256.Sum256([]byte(token))] = p
	return token
}

// spend takes a token away; ok tells whether it was good for the bound thing.
func (t *tokens) spend(token, bound string) (pass, bool) {
	key := sha256.Sum256([]byte(token)) // comparing hashes tells no time about the token
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.m[key]
	if !ok || p.bound != bound {
		return pass{}, false
	}
	delete(t.m, key)
	return p, !t.now().After(p.expires)
}
