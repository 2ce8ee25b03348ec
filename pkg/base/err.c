/* base: the one error object. */
#include "base/err.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_class class, const char *format, ...)
{
    if (!err)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    char message[ERR_MESSAGE_MAX];
    (void)vsnprintf(message, sizeof(message), format, arguments); /* cut on purpose */
    va_end(arguments);
    *err = (struct err){.class = class};
    str_copy(err->message, sizeof(err->message), message);
    return -1;
}

void err_set_code(struct err *err, const char *code)
{
    if (err)
        str_copy(err->code, sizeof(err->code), code ? code : "");
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    char context[ERR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(context, sizeof(context), format, arguments); /* cut on purpose */
    va_end(arguments);
    char message[ERR_MESSAGE_MAX];
    str_copy(message, sizeof(message), err->message);
    str_join(err->message, sizeof(err->message), context, ": ", message);
    return -1;
}

int err_copy(struct err *to, const struct err *from)
{
    if (to && to != from)
        *to = *from;
    return -1;
}

int err_set_errno(struct err *err, int errno_value, const char *format, ...)
{
    if (!err)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    char context[ERR_MESSAGE_MAX];
    (void)vsnprintf(context, sizeof(context), format, arguments); /* cut on purpose */
    va_end(arguments);
    char reason[128];
    const char *text = strerror_r(errno_value, reason, sizeof(reason));
    *err = (struct err){.class = ERR_TRANSIENT, .status = errno_value};
    str_join(err->message, sizeof(err->message), context, ": ", text);
    return -1;
}

const char *err_class_name(enum err_class class)
{
    switch (class) {
    case ERR_NONE:
        return "none";
    case ERR_TRANSIENT:
        return "transient";
    case ERR_BUSY:
        return "busy";
    case ERR_CAPACITY:
        return "capacity";
    case ERR_IN_USE:
        return "in-use";
    case ERR_REFUSED:
        return "refused";
    case ERR_BLOCKED:
        return "blocked";
    case ERR_BROKEN:
        return "broken";
    case ERR_NOT_FOUND:
        return "not-found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_CANCELLED:
        return "cancelled";
    case ERR_INVALID:
        return "invalid";
    case ERR_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}
