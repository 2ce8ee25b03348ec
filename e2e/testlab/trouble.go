package testlab

import (
	"fmt"
	"os"
	"strings"
)

// What tests that break something share.

// Happen makes a fault of xosim happen that nothing undoes.
func (t *Test) Happen(fault map[string]any) {
	t.Helper()
	_, err := t.Xosim.AddFault(t.Ctx, fault)
	t.Must(err)
}

// Log is what a part has said so far.
func (t *Test) Log(part string) string {
	t.Helper()
	text, err := os.ReadFile(t.LogFile(part))
	t.Must(err)
	return string(text)
}

// Logged waits until a part's log, from an offset on, has one of the texts.
func (t *Test) Logged(part string, from int, texts ...string) {
	t.Helper()
	t.Eventually(MoveMax, func() error {
		said := t.Log(part)[from:]
		for _, text := range texts {
			if strings.Contains(said, text) {
				return nil
			}
		}
		return fmt.Errorf("%s's log has none of %q", part, texts)
	})
}

// XOToken writes the token that the operator shall use for Xen Orchestra; the file is read again when it changes.
func (t *Test) XOToken(token string) {
	t.Helper()
	t.Must(os.WriteFile(t.XOTokenFile(), []byte(token+"\n"), 0o600))
}
