// Command conformance holds a Xen Orchestra, or the simulator of one, to what is known of how a real one behaves. README.md says how to use
// it; docs/xosim-conformance.md is the table that it writes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/tests"
)

// jobs are tests at a time: most of them mostly wait.
const jobs = 6

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "conformance: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	pattern := flag.String("run", "", "only tests whose names match this regular expression")
	program := flag.String("xosim", "", "the simulator to start where XOA_URL names no Xen Orchestra")
	folder := flag.String("folder", filepath.Join(os.TempDir(), "xo-conformance"), "where simulators leave their logs")
	results := flag.String("results", "", "write how each test ended to this file")
	table := flag.String("table", "", "write the table of facts to this file and run nothing, with the results of --results")
	check := flag.Bool("check", false, "with --table: fail when the file is not what would be written")
	minimum := flag.Int("min", 1, "fail when fewer tests pass (others are skipped)")
	parallel := flag.Int("jobs", jobs, "tests at a time (on a simulator)")
	list := flag.Bool("list", false, "list the tests and run nothing")
	clean := flag.Bool("clean", false, "remove disks that runs which were killed left on the Xen Orchestra of XOA_URL, and run nothing")
	flag.Parse()
	if err := suite.Consistent(tests.Facts, tests.All()); err != nil {
		return err
	}
	if err := allRecordings(); err != nil {
		return err
	}
	site, err := suite.FromEnvironment()
	switch {
	case err != nil:
		return err
	case *table != "":
		return suite.Table(*table, *results, tests.Facts, tests.All(), *check)
	case *clean && site == nil:
		return fmt.Errorf("--clean: XOA_URL is not set")
	case *clean:
		return suite.Clean(site)
	}
	selected, err := suite.Select(tests.All(), *pattern)
	if err != nil {
		return err
	}
	if *list {
		for _, test := range selected {
			fmt.Println(test.Name)
		}
		return nil
	}
	return play(&suite.Run{Site: site, Jobs: *parallel, Out: os.Stdout}, *program, *folder, *results, *minimum, selected)
}

func play(run *suite.Run, program, folder, results string, minimum int, selected []*suite.Test) error {
	if run.Site == nil {
		if program == "" {
			return fmt.Errorf("XOA_URL names no Xen Orchestra; set it, or name a simulator with --xosim")
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		run.Simulator = &suite.Simulator{Program: program, Folder: absolute, World: filepath.Join(here(), "world.yaml")}
	}
	started := time.Now()
	ended, err := run.All(selected)
	failed := suite.Summary(os.Stdout, ended)
	fmt.Printf("(%.0f s)\n", time.Since(started).Seconds())
	if results != "" {
		if err := suite.Save(results, ended); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d tests failed", failed)
	case passed(ended) < minimum:
		return fmt.Errorf("%d tests passed; at least %d must", passed(ended), minimum)
	}
	return nil
}

// here is the folder of this file.
func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// allRecordings says which recording of the simulator's no test plays.
func allRecordings() error {
	files, err := filepath.Glob(filepath.Join(here(), "..", "..", "cmd", "xosim", "testdata", "transcripts", "*.jsonl"))
	if err != nil {
		return err
	}
	played := tests.Recordings()
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".jsonl"); !slices.Contains(played, name) {
			return fmt.Errorf("no test plays the recording %s", name)
		}
	}
	if len(files) != len(played) {
		return fmt.Errorf("%d recordings are played, %d are there", len(played), len(files))
	}
	return nil
}

func passed(results []suite.Result) int {
	count := 0
	for _, result := range results {
		if result.Result == "passed" {
			count++
		}
	}
	return count
}
