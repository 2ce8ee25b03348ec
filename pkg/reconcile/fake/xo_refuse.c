/* reconcile/fake: what XAPI refuses before a move shows, and what disks take on an SR. */
#include "reconcile/fake/xo_internal.h"

#include "base/str.h"

/* The largest disk that VHD holds. */
static const int64_t VHD_LARGEST = INT64_C(2040) << 30;

static const char *text_of(const struct fake_xo *fake, const char *id, const char *field)
{
    const char *text = json_string_value(json_object_get(fake_xo_object(fake, id), field));
    return text ? text : "";
}

int64_t fake_xo_taken_on(const struct fake_xo *fake, const char *disk, const char *sr)
{
    const bool thin = str_equal(text_of(fake, sr, "allocationStrategy"), "thin");

    return json_int_at(fake_xo_object(fake, disk), thin ? "usage" : "size", 0);
}

/* Whether no host that runs has the SR plugged. */
static bool host_off(const struct fake_xo *fake, const char *sr)
{
    const char *id;
    void *value;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (str_equal(text_of(fake, id, "type"), "PBD") && str_equal(text_of(fake, id, "SR"), sr) &&
            json_is_true(json_object_get(value, "attached")) &&
            str_equal(text_of(fake, text_of(fake, id, "host"), "power_state"), "Running"))
            return false;
    return true;
}

static bool full(const struct fake_xo *fake, const char *disk, const char *sr)
{
    const json_t *object = fake_xo_object(fake, sr);

    return json_int_at(object, "physical_usage", 0) + fake_xo_taken_on(fake, disk, sr) >
           json_int_at(object, "size", 0);
}

static bool too_large(const struct fake_xo *fake, const char *disk, const char *sr)
{
    return !str_empty(text_of(fake, sr, "SR_type")) &&
           json_int_at(fake_xo_object(fake, disk), "size", 0) > VHD_LARGEST &&
           !str_equal(text_of(fake, disk, "image_format"), "qcow2");
}

static bool memory_lacks(const struct fake_xo *fake, const char *vm)
{
    const json_t *host = fake_xo_object(fake, text_of(fake, vm, "$container"));
    const json_t *dynamic = json_at(fake_xo_object(fake, vm), "memory.dynamic");
    const int64_t left = json_int_at(host, "memory.size", 0) - json_int_at(host, "memory.usage", 0);

    return json_at(host, "memory") && json_integer_value(json_array_get(dynamic, 1)) > left;
}

static bool refuse(struct err *ret, enum err_class class, const char *code, const char *sentence)
{
    (void)err_set(ret, class, "%s", sentence); /* returns -1 */
    err_set_code(ret, code);
    return true;
}

bool fake_xo_refuses_move(const struct fake_xo *fake, const char *disk, const char *sr,
                          const char *vm, struct err *ret)
{
    const char *blocked = json_string_value(
        json_at(fake_xo_object(fake, vm ? vm : ""), "blockedOperations.migrate_send"));

    if (host_off(fake, text_of(fake, disk, "$SR")) || host_off(fake, sr))
        return refuse(ret, ERR_TRANSIENT, "HOST_OFFLINE", "the host is off: start it");
    if (vm && blocked)
        return refuse(ret, ERR_BLOCKED, "OPERATION_BLOCKED", blocked);
    if (vm && memory_lacks(fake, vm))
        return refuse(ret, ERR_REFUSED, "HOST_NOT_ENOUGH_FREE_MEMORY", "not enough memory");
    if (too_large(fake, disk, sr))
        return refuse(ret, ERR_REFUSED, "VDI_TOO_LARGE", "the disk is too large for the SR");
    if (full(fake, disk, sr))
        return refuse(ret, ERR_CAPACITY, "SR_FULL", "the SR has insufficient space");
    return false;
}
