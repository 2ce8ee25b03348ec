// Package console prints what a person follows: steps with their time, commands, tables, and a sign of life from anything
// that takes more than a few seconds. On a terminal it uses colours and rewrites its last line; in a log it does neither.
package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Console writes to one output. It may be used by several goroutines.
type Console struct {
	lock     sync.Mutex
	out      io.Writer
	terminal bool
	open     bool // the last line is one that will be rewritten
}

// New makes a console; only a file that is a terminal is treated as one.
func New(out io.Writer) *Console {
	file, isFile := out.(*os.File)
	terminal := false
	if isFile {
		info, err := file.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return &Console{out: out, terminal: terminal && os.Getenv("NO_COLOR") == ""}
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "36"
)

func (c *Console) paint(code, text string) string {
	if !c.terminal {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line writes a whole line, over the one that is being rewritten if there is one.
func (c *Console) line(text string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.open {
		fmt.Fprint(c.out, "\r\x1b[K")
		c.open = false
	}
	fmt.Fprintln(c.out, text)
}

// transient shows a line that the next one replaces; in a log it is a line like others.
func (c *Console) transient(text string) {
	if !c.terminal {
		c.line(text)
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	fmt.Fprint(c.out, "\r\x1b[K"+text)
	c.open = true
}

// Title starts a chapter.
func (c *Console) Title(format string, arguments ...any) {
	c.line("")
	c.line(c.paint(bold+";"+blue, "== "+fmt.Sprintf(format, arguments...)))
}

// Say is a sentence for the reader.
func (c *Console) Say(format string, arguments ...any) {
	for _, line := range wrap(fmt.Sprintf(format, arguments...), 100) {
		c.line(line)
	}
}

// Command shows a command that is run, as one would type it.
func (c *Console) Command(format string, arguments ...any) {
	c.line("")
	c.line(c.paint(bold, "$ "+fmt.Sprintf(format, arguments...)))
}

// Output shows what a command printed.
func (c *Console) Output(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		c.line("  " + line)
	}
}

// From shows a line of somebody who speaks meanwhile.
func (c *Console) From(who, line string) {
	c.line(c.paint(dim, fmt.Sprintf("%12s | ", who)) + line)
}

// Good is a check that passed.
func (c *Console) Good(format string, arguments ...any) {
	c.line(c.paint(green, "  ok    ") + fmt.Sprintf(format, arguments...))
}

// Bad is what went wrong.
func (c *Console) Bad(format string, arguments ...any) {
	c.line(c.paint(red, "  failed ") + fmt.Sprintf(format, arguments...))
}

// Note is a remark that the reader may skip.
func (c *Console) Note(format string, arguments ...any) {
	c.line(c.paint(dim, "        "+fmt.Sprintf(format, arguments...)))
}

// Warn is a remark that the reader may not skip.
func (c *Console) Warn(format string, arguments ...any) {
	c.line(c.paint(yellow, "  note  ") + fmt.Sprintf(format, arguments...))
}

// Wait shows a sign of life while something takes long: now and then it shows what look gives and how long it takes already.
// The function it returns ends that; the line that stays says what was waited for and how long, or that it failed.
func (c *Console) Wait(what string, look func() string) func(error) {
	begin := time.Now()
	done, ended := make(chan struct{}), make(chan struct{})
	interval := 5 * time.Second
	if c.terminal {
		interval = time.Second
	}
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				text := what
				if look != nil {
					if now := look(); now != "" {
						text += ": " + now
					}
				}
				c.transient(c.paint(dim, fmt.Sprintf("  ...   %s (%s)", text, time.Since(begin).Round(time.Second))))
			}
		}
	}()
	var once sync.Once
	return func(err error) {
		once.Do(func() {
			close(done)
			<-ended
			if err != nil {
				c.Bad("%s (%s)", what, time.Since(begin).Round(100*time.Millisecond))
				return
			}
			c.Good("%s (%s)", what, time.Since(begin).Round(100*time.Millisecond))
		})
	}
}

// wrap breaks a text at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
