/* reconcile/fake: what was done to both worlds, in order, and the crash switch. */
#include "reconcile/fake/journal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdarg.h>

static void add_line(struct fake_journal *journal, char *line)
{
    journal->lines = mem_resize_array(journal->lines, journal->len + 1, sizeof(*journal->lines));
    journal->lines[journal->len++] = line;
}

void fake_journal_clear(struct fake_journal *journal)
{
    for (size_t i = 0; i < journal->len; i++)
        (void)mem_free(journal->lines[i]); /* returns NULL */
    journal->lines = mem_free(journal->lines);
    journal->len = 0;
}

void fake_journal_done(struct fake_journal *journal)
{
    fake_journal_clear(journal);
}

void fake_journal_note(struct fake_journal *journal, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_line(journal, str_new_v(format, arguments));
    va_end(arguments);
}

enum fake_write fake_journal_write(struct fake_journal *journal, const char *format, ...)
{
    va_list arguments;
    bool dies;

    if (journal->crashed)
        return FAKE_WRITE_DEAD;
    journal->writes++;
    dies = journal->crash_at != 0 && journal->writes == journal->crash_at;
    if (dies) {
        journal->crashed = true;
        if (journal->crash_before)
            return FAKE_WRITE_DEAD;
    }
    va_start(arguments, format);
    add_line(journal, str_new_v(format, arguments));
    va_end(arguments);
    return dies ? FAKE_WRITE_LOSE : FAKE_WRITE_DO;
}

void fake_journal_restart(struct fake_journal *journal)
{
    journal->crashed = false;
    journal->crash_at = 0;
}

void fake_journal_expect(struct fake_journal *journal, ...)
{
    cleanup_buf struct buf text = {0};
    va_list arguments;
    const char *pattern;
    size_t i = 0;
    bool equal = true;

    va_start(arguments, journal);
    for (; (pattern = va_arg(arguments, const char *)); i++) {
        const char *line = i < journal->len ? journal->lines[i] : "(nothing)";
        bool match = i < journal->len && fnmatch(pattern, line, 0) == 0;
        equal = equal && match;
        buf_putf(&text, "\n  %s expected: %s\n    happened: %s", match ? " " : "!", pattern, line);
    }
    va_end(arguments);
    for (; i < journal->len; i++) {
        equal = false;
        buf_putf(&text, "\n  ! expected: (nothing)\n    happened: %s", journal->lines[i]);
    }
    cr_assert(equal, "the journal differs:%s", buf_str(&text));
    fake_journal_clear(journal);
}
