/* base: allocation that cannot fail by construction. The only file that may call the allocator. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char message[] = "fatal: out of memory\n";
    /* Nothing can be done when even this fails. */
    ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)written;
    abort();
}

void *mem_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_alloc_array(size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory();
    return mem_alloc(bytes);
}

void *mem_resize_array(void *memory, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count ? count : 1, size ? size : 1, &bytes))
        out_of_memory();
    void *resized = realloc(memory, bytes);
    if (!resized)
        out_of_memory();
    return resized;
}

char *mem_strndup(const char *text, size_t length)
{
    char *copy = mem_alloc(length + 1);
    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

void *mem_free(void *memory)
{
    free(memory);
    return NULL;
}

void mem_replace_str(char **variable, const char *text)
{
    char *copy = mem_strdup(text);
    free(*variable);
    *variable = copy;
}
