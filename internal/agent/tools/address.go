package tools

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

const (
	maxAddress = 254
	maxLocal   = 64
)

var (
	// Quoted local parts and address literals are legal and never dictated; they are refused with the rest.
	localPattern  = regexp.MustCompile("^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)
)

// address judges one e-mail address and returns it in lower case; why says in words what is wrong.
func address(text string) (addr, why string) {
	lower := strings.ToLower(text)
	if len(text) > maxAddress {
		return "", "is too long for an e-mail address"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "", "must be one line without control characters"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) {
		return "", "holds letters outside a to z, which are not accepted in an address"
	}
	parsed, err := mail.ParseAddress(text)
	switch {
	case err != nil && strings.ContainsAny(text, ",;"):
		return "", "must be one address only"
	case err != nil:
		return "", "is not a valid e-mail address"
	case parsed.Name != "" || parsed.Address != text:
		return "", "must be the bare address, without a name beside it"
	}
	local, domain, _ := strings.Cut(lower, "@")
	if len(local) > maxLocal || !localPattern.MatchString(local) || !domainPattern.MatchString(domain) {
		return "", "is not a valid e-mail address"
	}
	return lower, ""
}

// domainAllowed tells whether mail may go there.
func (p Policy) domainAllowed(addr string) bool {
	if p.MailDomains == nil {
		return true
	}
	_, domain, _ := strings.Cut(addr, "@")
	return slices.ContainsFunc(p.MailDomains, func(d string) bool { return strings.EqualFold(strings.TrimPrefix(d, "@"), domain) })
}
