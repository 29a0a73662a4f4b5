package envcat

import (
	"fmt"
	"strings"
)

// Example renders a .env file: required variables are open lines to be filled, the others are comments
// that show their default.
func (c *Catalogue) Example(profile string) string {
	var b strings.Builder
	b.WriteString("# Environment of `voicectl serve`. Copy to .env and fill in; never commit the copy.\n")
	b.WriteString("# Nothing here is needed for `voicectl serve --sandbox`, which runs without any account.\n")
	for _, g := range c.ForProfile(profile).Groups {
		fmt.Fprintf(&b, "\n# --- %s ---\n", g.Title)
		for _, v := range g.Vars {
			b.WriteString("\n")
			for _, line := range wrap(v.describe(), 98) {
				b.WriteString("# " + line + "\n")
			}
			if v.Where != "" {
				b.WriteString("# " + v.Where + "\n")
			}
			if v.RequiredBy(profile) {
				b.WriteString(v.Name + "=\n")
				continue
			}
			b.WriteString("#" + v.Name + "=" + v.Default + "\n")
		}
	}
	return b.String()
}

func (v Var) describe() string {
	s := v.Doc
	switch {
	case len(v.Required) > 0:
		s = "Required (" + strings.Join(v.Required, ", ") + "). " + s
	default:
		s = "Optional. " + s
	}
	if v.Example != "" {
		s += " Example: " + v.Example
	}
	return s
}

// Markdown renders the reference page of the environment.
func (c *Catalogue) Markdown() string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "\n## %s\n\n| name | what | required | default | form |\n|---|---|---|---|---|\n", g.Title)
		for _, v := range g.Vars {
			what := v.Doc
			if v.Where != "" {
				what += " [get it](" + v.Where + ")"
			}
			if v.Secret {
				what += " **Secret.**"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", v.Name, cell(what), orDash(strings.Join(v.Required, ", ")),
				code(v.Default), cell(orDash(v.form())))
		}
	}
	return b.String()
}

func (v Var) form() string {
	s := v.Shape
	switch {
	case s.Words != "":
		return s.Words
	case len(s.URL) > 0:
		return strings.Join(s.URL, ":// or ") + ":// URL"
	case len(s.OneOf) > 0:
		return strings.Join(s.OneOf, ", ")
	}
	return ""
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func code(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}

// wrap breaks text at spaces so that no line is longer than width, except by one long word.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
