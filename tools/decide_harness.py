"""Builds and runs the tests of what is decided (pkg/reconcile/volume_migration/decide*.c, and the rules of
pkg/reconcile/volume/ that it stands on) alone and in one process.

Criterion forks for each test, which is too slow for some hundred mutants. So its header is replaced by one that knows the
few macros these tests use: the first assertion that fails ends the program.
"""
import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "pkg", "reconcile", "volume_migration")
VOLUME = os.path.join(ROOT, "pkg", "reconcile", "volume")
RULES = ["identity", "provenance", "release"]  # the pure tables of VOLUME
COMPILE = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-w", "-I" + os.path.join(ROOT, "pkg")]

CRITERION = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct one_test { const char *name; void (*run)(void); struct one_test *next; };
extern struct one_test *all_tests;
#define Test(suite, name)                                                                        \\
    static void suite##_##name(void);                                                            \\
    static struct one_test suite##_##name##_test = {#suite "::" #name, suite##_##name, 0};       \\
    __attribute__((constructor)) static void suite##_##name##_add(void)                          \\
    { suite##_##name##_test.next = all_tests; all_tests = &suite##_##name##_test; }              \\
    static void suite##_##name(void)
#define cr_assert(condition, ...) do { if (!(condition)) exit(1); } while (0)
#define cr_assert_not(condition, ...) cr_assert(!(condition))
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b))
#define cr_expect_eq(a, b, ...) cr_assert_eq(a, b)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b))
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b))
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b))
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b))
"""

MAIN = """
#include "criterion/criterion.h"
struct one_test *all_tests;
int main(void)
{
    unsigned count = 0;
    for (struct one_test *it = all_tests; it; it = it->next, count++)
        it->run();
    printf("%u\\n", count);
    return count ? 0 : 1;
}
"""


def sources():
    """The decision core: what is mutated and measured."""
    return sorted(path for path in glob.glob(os.path.join(FOLDER, "decide*.c")) if not path.endswith("_test.c")) + [
        os.path.join(VOLUME, rule + ".c") for rule in RULES]


def tests(slow):
    """The tests of it: those of its rows, or the slow ones that go through millions of facts."""
    paths = glob.glob(os.path.join(FOLDER, "decide*_test.c")) + [os.path.join(VOLUME, rule + "_test.c") for rule in RULES]
    return sorted(path for path in paths if ("invariants" in path) == slow)


def write_headers(folder):
    os.makedirs(os.path.join(folder, "criterion"), exist_ok=True)
    with open(os.path.join(folder, "criterion", "criterion.h"), "w", encoding="utf-8") as header:
        header.write(CRITERION)
    with open(os.path.join(folder, "main.c"), "w", encoding="utf-8") as main:
        main.write(MAIN)


def compile_objects(folder, paths, flags):
    """Compiles each, at the same time; returns the objects."""
    running = []
    for path in paths:
        target = os.path.join(folder, os.path.basename(path) + ".o")
        running.append((target, subprocess.Popen(COMPILE + ["-I" + folder] + flags + ["-c", path, "-o", target], cwd=folder)))
    for target, process in running:
        if process.wait() != 0:
            raise SystemExit("cannot compile " + target)
    return [target for target, _ in running]


def test_objects(folder, slow, flags):
    """The compiled tests, with what runs them."""
    helpers = [os.path.join(FOLDER, "fake", "facts.c"), os.path.join(folder, "main.c")]
    return compile_objects(folder, tests(slow) + helpers, flags)
