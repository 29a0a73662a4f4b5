package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

const (
	gap       = 2  // spaces between columns
	narrowest = 16 // a column is not squeezed below this
)

// Cell is a piece of text in a table.
type Cell struct {
	Text string
	Tone Tone
}

// Table is aligned columns. On a terminal the last column wraps inside its own place; in a pipe every row
// is one line, however long.
type Table struct {
	Headers []string
	rows    [][]Cell
}

// Row adds a row of plain text.
func (t *Table) Row(texts ...string) {
	cells := make([]Cell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	t.Cells(cells...)
}

// Cells adds a row.
func (t *Table) Cells(cells ...Cell) { t.rows = append(t.rows, cells) }

// Len is the number of rows without the header.
func (t *Table) Len() int { return len(t.rows) }

// Table writes a table to Out.
func (s *Streams) Table(t *Table) error {
	rows := t.rows
	if len(t.Headers) > 0 {
		head := make([]Cell, len(t.Headers))
		for i, h := range t.Headers {
			head[i] = Cell{h, Faint}
		}
		rows = append([][]Cell{head}, rows...)
	}
	return s.grid(rows, "")
}

// List writes aligned names and values to Out, indented.
func (s *Streams) List(pairs ...[2]string) error {
	rows := make([][]Cell, len(pairs))
	for i, p := range pairs {
		rows[i] = []Cell{{p[0], Faint}, {p[1], Plain}}
	}
	return s.grid(rows, "  ")
}

func (s *Streams) grid(rows [][]Cell, indent string) error {
	widths := columnWidths(rows)
	last := s.lastWidth(widths, indent)
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(s.row(row, widths, last, indent))
	}
	if _, err := io.WriteString(s.Out, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func columnWidths(rows [][]Cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lipgloss.Width(Clean(c.Text)))
		}
	}
	return widths
}

// lastWidth is what the terminal leaves for the last column, 0 = as much as it wants.
func (s *Streams) lastWidth(widths []int, indent string) int {
	if s.columns() == 0 || len(widths) == 0 {
		return 0
	}
	left := s.columns() - len(indent)
	for _, w := range widths[:len(widths)-1] {
		left -= w + gap
	}
	return max(left, narrowest)
}

func (s *Streams) row(row []Cell, widths []int, last int, indent string) string {
	blocks := []string{indent}
	for i, c := range row {
		lines := []string{Clean(c.Text)}
		if i == len(widths)-1 && last > 0 {
			lines = strings.Split(wrapped(lines[0], last), "\n")
		}
		for n, line := range lines {
			pad := ""
			if i < len(row)-1 {
				pad = strings.Repeat(" ", widths[i]+gap-lipgloss.Width(line))
			}
			lines[n] = s.Paint(c.Tone, line) + pad
		}
		blocks = append(blocks, strings.Join(lines, "\n"))
	}
	var b strings.Builder
	for line := range strings.SplitSeq(lipgloss.JoinHorizontal(lipgloss.Top, blocks...), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// wrapped breaks text at spaces, and inside words that are longer than a line.
func wrapped(text string, width int) string {
	return lipgloss.NewStyle().Width(width).Render(text)
}

// Heading writes a heading to Out, with an empty line above.
func (s *Streams) Heading(text string) error {
	if _, err := fmt.Fprintf(s.Out, "\n%s\n", s.Paint(Bold, Clean(text))); err != nil {
		return fmt.Errorf("write heading: %w", err)
	}
	return nil
}
