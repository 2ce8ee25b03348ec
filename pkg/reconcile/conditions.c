/* reconcile, 8: the table of conditions and reasons, and how an array of conditions is made. */
#include "reconcile/conditions.h"

#include "base/str.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *means;
    const char *otherwise; /* message while it is False and there is nothing more to say */
} condition_types[] = {
#define CONDITION_ROW(constant, name_, means_, otherwise_)                                         \
    [REC_CONDITION_##constant] = {.name = (name_), .means = (means_), .otherwise = (otherwise_)},
    REC_CONDITION_TYPES(CONDITION_ROW)
#undef CONDITION_ROW
};

static const struct rec_reason_info reasons[] = {
#define REASON_ROW(constant, name_, warning_, places_, means_)                                     \
    [REC_REASON_##constant] = {.name = (name_),                                                    \
                               .warning = (warning_),                                              \
                               .places = (places_),                                                \
                               .means = (means_)},
    REC_REASONS(REASON_ROW)
#undef REASON_ROW
};

const struct rec_reason_info *rec_reason_info(enum rec_reason reason)
{
    assert(reason < REC_REASON_COUNT);
    return &reasons[reason];
}

const char *rec_reason_name(enum rec_reason reason)
{
    return rec_reason_info(reason)->name;
}

enum rec_reason rec_reason_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_equal(reasons[i].name, name))
            return (enum rec_reason)i;
    return REC_REASON_COUNT;
}

const char *rec_condition_name(enum rec_condition_type type)
{
    assert(type < REC_CONDITION_COUNT);
    return condition_types[type].name;
}

const char *rec_condition_means(enum rec_condition_type type)
{
    assert(type < REC_CONDITION_COUNT);
    return condition_types[type].means;
}

const json_t *rec_condition_find(const json_t *conditions, enum rec_condition_type type)
{
    size_t i;
    const json_t *condition;

    json_array_foreach(conditions, i, condition)
        if (str_equal(json_str_at(condition, "type"), rec_condition_name(type)))
            return condition;
    return NULL;
}

void rec_conditions_read(const json_t *array,
                         struct rec_condition_past past[static REC_CONDITION_COUNT])
{
    for (int type = 0; type < REC_CONDITION_COUNT; type++) {
        const json_t *condition = rec_condition_find(array, (enum rec_condition_type)type);
        const char *since = json_str_at(condition, "lastTransitionTime");

        past[type] = (struct rec_condition_past){
            .status = str_equal(json_str_at(condition, "status"), "True")};
        if (since && !wall_parse(since, &past[type].since))
            past[type].since = (struct wall_time){0};
    }
}

static json_t *build_one(enum rec_condition_type type, const struct rec_condition *condition,
                         const struct rec_condition_past *before, int64_t generation,
                         struct wall_time now)
{
    char message[REC_CONDITION_MESSAGE_MAX];
    char since[CLOCK_RFC3339_SIZE];
    json_t *object = json_object();
    bool keeps = before && before->since.ms != 0 && before->status == condition->status;

    wall_format(keeps ? before->since : now, since);
    (void)str_copy(message, sizeof(message),
                   str_empty(condition->message) ? condition_types[type].otherwise
                                                 : condition->message);
    json_put_str(object, "type", rec_condition_name(type));
    json_put_str(object, "status", condition->status ? "True" : "False");
    json_put(object, "observedGeneration", json_integer(generation));
    json_put_str(object, "lastTransitionTime", since);
    json_put_str(object, "reason", rec_reason_name(condition->reason));
    json_put(object, "message", json_text(message));
    return object;
}

json_t *rec_conditions_build(const struct rec_condition conditions[static REC_CONDITION_COUNT],
                             const struct rec_condition_past *before, int64_t generation,
                             struct wall_time now)
{
    json_t *array = json_array();

    for (int type = 0; type < REC_CONDITION_COUNT; type++)
        json_add(array, build_one((enum rec_condition_type)type, &conditions[type],
                                  before ? &before[type] : NULL, generation, now));
    return array;
}
