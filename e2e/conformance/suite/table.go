package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
)

// Fact is one statement of how Xen Orchestra behaves.
type Fact struct {
	Area    string
	ID      string // unique
	Says    string
	Without string // why no test shows it; "": at least one does
}

// Consistent says what is wrong with facts and tests: a fact that nothing shows, a test that shows none.
func Consistent(facts []Fact, tests []*Test) error {
	var problems []error
	known, shown, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, fact := range facts {
		if known[fact.ID] {
			problems = append(problems, fmt.Errorf("fact %s is there twice", fact.ID))
		}
		known[fact.ID] = true
	}
	for _, test := range tests {
		if names[test.Name] || len(test.Facts) == 0 {
			problems = append(problems, fmt.Errorf("test %q is there twice, or shows no fact", test.Name))
		}
		names[test.Name] = true
		for _, id := range test.Facts {
			shown[id] = true
			if !known[id] {
				problems = append(problems, fmt.Errorf("test %q shows %s, which is no fact", test.Name, id))
			}
		}
	}
	for _, fact := range facts {
		if shown[fact.ID] == (fact.Without != "") {
			problems = append(problems, fmt.Errorf("fact %s has neither a test nor a reason for none, or both", fact.ID))
		}
	}
	return errors.Join(problems...)
}

const tableHead = `# What is known of Xen Orchestra, and what shows it

Written by ` + "`make conformance`" + `; not to be edited. Each statement was observed on xo-server 5.207 (some, of the XAPI behind it, were read in its
sources). The tests are in ` + "`e2e/conformance/tests/`" + ` and run unchanged against a real Xen Orchestra, where a test whose needs are not met is
skipped by name: ` + "`e2e/conformance/README.md`" + ` tells how. The result is that of the last run against ` + "`xosim`" + `.

`

// Table writes what is known and what shows it, or checks that a file still says so (its results aside: those are of another run).
func Table(file, results string, facts []Fact, tests []*Test, check bool) error {
	ended := map[string]string{}
	if results != "" {
		var list []Result
		text, err := os.ReadFile(results)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		for _, result := range list {
			ended[result.Name] = result.Result
		}
	}
	text := render(facts, tests, ended)
	if !check {
		return os.WriteFile(file, text, 0o644)
	}
	there, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(withoutResults(there), withoutResults(text)) {
		return fmt.Errorf("%s is not what the tests say; run make conformance and commit it", file)
	}
	return nil
}

var resultCell = regexp.MustCompile(`\| (passed|failed|skipped|not run) \|`)

func withoutResults(text []byte) []byte { return resultCell.ReplaceAll(text, []byte("| |")) }

func render(facts []Fact, tests []*Test, ended map[string]string) []byte {
	shows := map[string][]*Test{}
	for _, test := range tests {
		for _, id := range test.Facts {
			shows[id] = append(shows[id], test)
		}
	}
	var text, without bytes.Buffer
	text.WriteString(tableHead)
	area, count, reasons := "", 0, 0
	for _, fact := range facts {
		if fact.Without != "" {
			reasons++
			fmt.Fprintf(&without, "| %s | %s | %s |\n", fact.Area, cell(fact.Says), cell(fact.Without))
			continue
		}
		count++
		if fact.Area != area {
			area = fact.Area
			fmt.Fprintf(&text, "\n## %s\n| what is known | shown by | on xosim | needs on a real one |\n| --- | --- | --- | --- |\n", area)
		}
		for index, test := range shows[fact.ID] {
			says := fact.Says
			if index > 0 {
				says = "″"
			}
			result := ended[test.Name]
			if result == "" {
				result = "not run"
			}
			fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", cell(says), cell(test.Name), result, needs(test))
		}
	}
	fmt.Fprintf(&text, "\n## Without a test\n| area | what is known | why no test shows it |\n| --- | --- | --- |\n%s", without.String())
	fmt.Fprintf(&text, "\n%d statements are shown by %d tests; %d are without one.\n", count, len(tests), reasons)
	return append(text.Bytes(), faultTable()...)
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func needs(test *Test) string {
	var list []string
	for _, need := range test.Needs {
		list = append(list, cell(string(need)))
	}
	sort.Strings(list)
	if len(list) == 0 {
		return "nothing more"
	}
	return strings.Join(list, "; ")
}

func faultTable() []byte {
	var text bytes.Buffer
	text.WriteString("\n## Commands for faults\nOn a real Xen Orchestra a test that needs trouble runs a command that the environment names, with `sh -c`: " +
		"first with `DO=do`, then, where it says how,\nwith `DO=undo`. It ends with 0, or the test fails. Without the variable the test is skipped.\n\n" +
		"| variable | gets | with `DO=do` | with `DO=undo` |\n| --- | --- | --- | --- |\n")
	for _, fault := range Faults {
		gets, undone := "", fault.Undone
		if fault.Gets != "" {
			gets = "`" + fault.Gets + "`"
		}
		if undone == "" {
			undone = "not run: it passes by itself"
		}
		fmt.Fprintf(&text, "| `FAULT_%s` | %s | %s | %s |\n", fault.Name, gets, cell(fault.Contract), cell(undone))
	}
	return text.Bytes()
}
