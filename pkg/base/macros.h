/* base: the few compiler attributes and macros that every file may use. Thread: any. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>

/** A result that must be looked at. Deliberate neglect is `(void)` with a reason beside it. */
#define WARN_UNUSED __attribute__((warn_unused_result))

/** Arguments checked like printf's: position of the format, position of the first argument. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/** Runs `fn(&variable)` when the variable goes out of scope. Declared per type, beside the type, as
 * `cleanup_<type>`. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/** Defines the function behind a `cleanup_<name>` macro for a pointer type whose `free_fn` takes
 * NULL. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type takes none */
#define DEFINE_CLEANUP(type, name, free_fn)                                                        \
    static inline void cleanup_##name##_p(type *pointer)                                           \
    {                                                                                              \
        if (*pointer)                                                                              \
            (void)free_fn(*pointer); /* returns NULL, by convention */                             \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/** Takes the pointer out of a variable that would free it: `return steal(&result);`. */
#define steal(pointer_to_variable)                                                                 \
    ({                                                                                             \
        typeof(*(pointer_to_variable)) stolen_ = *(pointer_to_variable);                           \
        *(pointer_to_variable) = NULL;                                                             \
        stolen_;                                                                                   \
    })

/** Number of elements of an array (not of a pointer). */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** The structure of `type` that holds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
