package config

import (
	"net/url"
	"strings"

	"github.com/voicectl/voicectl/internal/secret"
)

// second is the second endpoint of a role, seen alike for all of them.
type second struct {
	section   string // of the role
	url       string // name of the key that switches it on
	first, at *string
	firstKey  secret.Secret
	key       *secret.Secret
	more      []inherited // what is the same as at the first unless it is set
}

type inherited struct {
	name     string
	from, to *string
}

func seconds(p *Providers) []second {
	return []second{
		{
			"providers.openai", "base_url", &p.OpenAI.BaseURL, &p.OpenAI.Fallback.BaseURL, p.OpenAI.APIKey, &p.OpenAI.Fallback.APIKey,
			[]inherited{{"model", &p.OpenAI.Model, &p.OpenAI.Fallback.Model}},
		},
		{
			"providers.speechmatics", "url", &p.Speechmatics.URL, &p.Speechmatics.Fallback.URL, p.Speechmatics.APIKey, &p.Speechmatics.Fallback.APIKey,
			[]inherited{{"model", &p.Speechmatics.Model, &p.Speechmatics.Fallback.Model}},
		},
		{
			"providers.cartesia", "base_url", &p.Cartesia.BaseURL, &p.Cartesia.Fallback.BaseURL, p.Cartesia.APIKey, &p.Cartesia.Fallback.APIKey,
			[]inherited{{"voice", &p.Cartesia.Voice, &p.Cartesia.Fallback.Voice}, {"model", &p.Cartesia.Model, &p.Cartesia.Fallback.Model}},
		},
	}
}

// fallbacks fills what a second endpoint has in common with the first. The key is taken over only for the host
// it was given for: a key must never travel to another one unasked.
func (l *loader) fallbacks(cfg *Config) {
	for _, s := range seconds(&cfg.Providers) {
		path := s.section + ".fallback."
		if *s.at == "" {
			for _, name := range append([]string{"api_key"}, names(s.more)...) {
				if l.isSet(path + name) {
					l.fault(path+name, path+name+" is set, but "+path+s.url+" is not, which switches the fallback on", "set both, or neither")
				}
			}
			continue
		}
		for _, i := range s.more {
			if *i.to == "" && *i.from != "" {
				*i.to = *i.from
				l.assume(path+i.name, "the same as "+s.section+"."+i.name)
			}
		}
		switch {
		case s.key.Set():
		case !sameHost(*s.first, *s.at):
			l.fault(path+s.url, l.nameOf(path+"api_key")+" is not set, and the fallback is on another host than the first endpoint, whose key is not sent there",
				"set the key of the second endpoint")
		case s.firstKey.Set():
			*s.key = s.firstKey
			l.assume(path+"api_key", "the same as "+s.section+".api_key")
		}
	}
}

func names(list []inherited) (out []string) {
	for _, i := range list {
		out = append(out, i.name)
	}
	return out
}

// nameOf is the variable that people know a key by.
func (l *loader) nameOf(key string) string {
	if vars := l.s.env.ForKey(key); len(vars) > 0 {
		return vars[0].Name
	}
	return key
}

// sameHost tells whether two URLs lead to the same server in the same way: a key that went out encrypted does
// not go out in the clear.
func sameHost(a, b string) bool {
	x, err := url.Parse(a)
	y, err2 := url.Parse(b)
	return err == nil && err2 == nil && x.Host != "" && strings.EqualFold(x.Host, y.Host) && x.Scheme == y.Scheme
}
