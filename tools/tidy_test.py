"""Proof of tools/tidy: plants one violation at a time in a small clean tree and sees what is found.

Each plant is (rule, file, text put at its end or, as a pair, what is replaced by what). Exactly the named rule must fire.
"""
import os
import shutil
import tempfile

CLEAN = {
    "README.md": "See [the header](pkg/base/thing.h).\n",
    "docs/thing.md": "What a thing is.\n",
    "pkg/base/thing.h": """/*
 * base: things; docs/thing.md says more. Thread: any.
 */
#ifndef BASE_THING_H
#define BASE_THING_H

#include "base/err.h"

struct thing;

/* At most what fits one page. */
#define BASE_THING_MAX 4096

/** What a thing is about. */
enum thing_kind { THING_SMALL, THING_LARGE };

/** A *new* thing. */
struct thing *thing_new(const char *name) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct thing *thing_free(struct thing *thing);

/** Sends it. Fails with ERR_TRANSIENT. */
int thing_send(struct thing *thing, const char *where, struct err *err) WARN_UNUSED;

/** Two ways to count. */
int thing_count(const struct thing *thing);
int thing_size(const struct thing *thing);

#endif
""",
    "pkg/base/thing.c": """/* base: things. */
#include "base/thing.h"

/* Says its kind. */
static const char *kind_name(enum thing_kind kind)
{
    switch (kind) {
    case THING_SMALL:
        return "small: malloc(1), goto fail, sleep(1)"; /* no call: a text */
    case THING_LARGE:
        return "large";
    }
    return "none";
}

struct thing *thing_new(const char *name)
{
    /* Setting up may jump forward, to `fail`. */
    if (!name)
        goto fail;
    (void)thing_send(NULL, name, NULL); /* best effort */
    return NULL;
fail:
    return NULL;
}
""",
    "pkg/base/thing_test.c": """/* base: what things promise. Covers other.c. */
#include "base/thing.h"

#include <criterion/criterion.h>

Test(base_thing, counts_what_it_holds)
{
    cr_assert_eq(thing_count(NULL), 0);
}
""",
    "pkg/base/other.c": "/* base: tested by thing_test.c. */\n",
    "pkg/base/thing_part.c": "/* base: tested by thing_test.c, by its prefix. */\n",
    "pkg/kube/cache.h": """/* kube, 3: a cache. Thread: any. */
#ifndef KUBE_CACHE_H
#define KUBE_CACHE_H

#include "base/thing.h"

#include <pthread.h>

struct kube_cache {
    pthread_mutex_t lock; /* guards `len` */
    int len;
};

/** Number of objects. */
int kube_cache_len(const struct kube_cache *cache);

#endif
""",
    "pkg/reconcile/fake/kube.h": "/* reconcile, tests: a fake. Thread: any. */\n#ifndef RECONCILE_FAKE_KUBE_H\n"
                                 "#define RECONCILE_FAKE_KUBE_H\n\n#endif\n",
    "pkg/reconcile/worker.c": '/* reconcile, 5: the loop. */\n#include "kube/cache.h"\n',
    "pkg/reconcile/worker_test.c": '/* reconcile, 5: the loop\'s tests. */\n#include "reconcile/fake/kube.h"\n',
    "cmd/xosim/main.c": '/* xosim: the program. */\n#include <stdio.h>\n\nint main(void)\n{\n    printf("hello");\n    exit(0);\n}\n',
}
LONG_FUNCTION = "static int long_one(void)\n{\n" + "    step();\n" * 69 + "}\n"
FITTING_FUNCTION = "static int fitting_one(void)\n{\n" + "    step();\n" * 67 + "}\n"
THING_H, THING_C, THING_TEST, CACHE_H = ("pkg/base/thing.h", "pkg/base/thing.c", "pkg/base/thing_test.c", "pkg/kube/cache.h")
WORKER = "pkg/reconcile/worker.c"
END = "\n#endif\n"
OTHER_ENUM = "    switch (kind) {\n    case THING_SMALL:\n        return 1;\n    default:\n        return 0;\n    }\n"


def in_header(declaration):
    return (END, "\n" + declaration + END)


# Split where this very file would break a rule of text.
PLANTS = [
    ("test-sleep", THING_TEST, "static void wait(void)\n{\n    sleep(1);\n}\n"),
    ("test-sleep", THING_TEST, "static void wait(void)\n{\n    poll(NULL, 0, 100);\n}\n"),
    ("goto", THING_C, "static void f_new(void)\n{\n    goto out;\nout:\n    return;\n}\n"),
    ("goto", THING_C, "static void f_new(void)\n{\nfail:\n    goto fail;\n}\n"),
    ("goto", THING_C, "static void walk(void)\n{\n    goto fail;\nfail:\n    return;\n}\n"),
    ("function-length", THING_C, LONG_FUNCTION),
    ("file-length", "docs/long.go", "//\n" * 601),
    ("include-direction", THING_C, '#include "kube/cache.h"\n'),
    ("include-direction", CACHE_H, ("#include <pthread.h>", '#include "xo/inventory.h"')),
    ("include-direction", "pkg/xo/x_test.c", '/* xo: x. */\n#include "kube/cache.h"\n'),
    ("include-direction", "cmd/xosim/main.c", ("<stdio.h>", '"kube/cache.h"')),
    ("include-direction", WORKER, '#include "reconcile/fake/kube.h"\n'),
    ("include-direction", WORKER, '#include "../kube/cache.h"\n'),
    ("include-direction", WORKER, "#include <curl/curl.h>\n"),
    ("header-guard", THING_H, ("#ifndef BASE_THING_H", "#ifndef THING_H")),
    ("header-guard", CACHE_H, ("\n#endif\n", "")),
    ("header-thread", THING_H, (" Thread: any.", "")),
    ("header-contract", THING_H, in_header("int thing_bare(void);\n")),
    ("header-contract", THING_H, in_header("extern const int thing_limit;\n")),
    ("header-contract", THING_H, ("/** A *new* thing. */\n", "")),
    ("place", THING_C, ("/* base: things. */\n", "")),
    ("place", THING_C, ("/* base: things. */", "/* kube, 2: things. */")),
    ("place", THING_C, ("/* base: things. */", "/* Things. */")),
    ("test-beside", "pkg/base/alone.c", "/* base: without a test. */\n"),
    ("warn-unused", THING_H, ("struct err *err) WARN_UNUSED;", "struct err *err);")),
    ("void-reason", THING_C, (" /* best effort */", "")),
    ("enum-default", THING_C, "static int f(enum thing_kind kind)\n{\n" + OTHER_ENUM + "}\n"),
    ("test-name", THING_TEST, ("counts_what_it_holds", "count_it")),
    ("test-name", THING_TEST, ("Test(base_thing, counts_what_it_holds)", "Test(base_thing, count, .signal = 6)")),
    ("machine-path", THING_C, '/* See /ho' 'me/someone/notes. */\n'),
    ("machine-path", "README.md", "Built in /ho" "me/someone/project.\n"),
    ("to-do", THING_C, "/* TO" "DO: count them. */\n"),
    ("to-do", "README.md", "FIX" "ME later\n"),
    ("mutex-fields", CACHE_H, (" /* guards `len` */", "")),
    ("limit-reason", THING_H, ("/* At most what fits one page. */\n", "")),
    ("limit-reason", THING_C, "\nenum { OTHER_MAX = 7 };\n\nstatic int one;\n"),
    ("struct-typedef", THING_C, "typedef struct thing thing_t;\n"),
    ("secret-shown", THING_C, 'static void f(struct secret *s)\n{\n    log_debug("x", log_str("token", secret_reveal(s)));\n}\n'),
    ("secret-shown", THING_C, 'static int f(struct secret *s)\n{\n    return err_set(0, 1, "%s", secret_reveal(s));\n}\n'),
    ("log-level", THING_C, 'static void f(void)\n{\n    log_info("started");\n}\n'),
    ("free-returns", THING_H, ("struct thing *thing_free(", "void thing_free(")),
    ("inputs", THING_H, in_header("/** Too many. */\nint thing_place(int a, int b, int c, int d, int e);\n")),
    ("name-prefix", CACHE_H, ("int kube_cache_len(", "int cache_len(")),
    ("whitespace", THING_C, "static int blank; \n"),
    ("whitespace", THING_C, "\tstatic int tab;\n"),
    ("whitespace", THING_C, "static int no_newline;"),
    ("whitespace", "README.md", "\n"),
    ("dead-link", "README.md", "See [more](docs/nothing.md).\n"),
    ("dead-link", THING_C, "/* docs/nothing.md says why. */\n"),
]
# What must not be found: each rule's other side, where it is easy to get wrong.
ALLOWED = [
    ("a function of exactly the maximum", THING_C, FITTING_FUNCTION),
    ("a member function with a banned name", THING_C, "static int f(struct x *x)\n{\n    return x->free(1) + x->time(2);\n}\n"),
    ("a banned name as part of another", THING_C, "static int f(void)\n{\n    return my_free(1) + runtime(2);\n}\n"),
    ("a default over plain numbers", THING_C, "static int f(int n)\n{\n    switch (n) {\n    case 1:\n        return 1;\n    default:\n"
     "        return 0;\n    }\n}\n"),
    ("a named to-do", THING_C, "/* TO" "DO(someone): count them. */\n"),
    ("a thrown-away result of what never fails", THING_C, "static void f(void)\n{\n    (void)thing_free(NULL);\n}\n"),
    ("four inputs beside object, output and error", THING_H,
     in_header("/** Fits. */\nint thing_put(struct thing *thing, int a, int b, int c, int d, int *ret_e, struct err *err) WARN_UNUSED;\n")),
    ("a static function's missing contract", THING_H, in_header("static inline int thing_one(void)\n{\n    return 1;\n}\n")),
    ("a link to a page of the web", "README.md", "See [it](https://example.org/x).\n"),
]


def planted(tidy, path, plant):
    """The findings in the clean tree with one change."""
    root = tempfile.mkdtemp(prefix="tidy-")
    try:
        files = dict(CLEAN)
        old = files.get(path, "")
        if isinstance(plant, tuple):
            assert plant[0] in old, (path, plant)
            files[path] = plant[1].join(old.rsplit(plant[0], 1)) if plant[0] == END else old.replace(*plant)
        elif path:
            files[path] = old + plant
        for name, text in files.items():
            target = os.path.join(root, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        return tidy.run(tidy.Tree(root))
    finally:
        shutil.rmtree(root)


def banned_plants(tidy):
    for names, _, _ in tidy.BANNED:
        for name in names.split():
            yield "banned", THING_C, f"static void f(void)\n{{\n    {name}(x);\n}}\n"


def main(tidy):
    proofs, failures = 0, []
    plants = PLANTS + list(banned_plants(tidy))
    for says, path, plant in [("the clean tree", "", "")] + ALLOWED:
        findings = planted(tidy, path, plant)
        proofs += 1
        if findings:
            failures.append(f"{says}: found {findings}")
    for rule, path, plant in plants:
        fired = {finding[2] for finding in planted(tidy, path, plant)}
        proofs += 1
        if fired != {rule}:
            failures.append(f"planted {rule} in {path} ({plant!r}): fired {sorted(fired) or 'nothing'}")
    for rule in tidy.RULES.keys() - {plant[0] for plant in plants}:
        failures.append(f"{rule} is not proven by any planted violation")
    with open(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "STYLE.md"), encoding="utf-8") as style:
        text = style.read()
    for rule in tidy.RULES:
        proofs += 1
        if f"`{rule}`" not in text:
            failures.append(f"STYLE.md does not name {rule}")
    for failure in failures:
        print(f"FAILED: {failure}")
    if not failures:
        print(f"{proofs} rule proofs: each of {len(tidy.RULES)} rules fires on its planted violations and on nothing else, "
              "and stands in STYLE.md")
    return 1 if failures else 0
