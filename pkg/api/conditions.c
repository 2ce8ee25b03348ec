/* api, 8: the table of conditions and reasons, and how an array of conditions is made. */
#include "api/conditions.h"

#include "base/str.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *means;
    const char *otherwise; /* message while it is False and there is nothing more to say */
} condition_types[] = {
#define CONDITION_ROW(constant, name_, means_, otherwise_)                                         \
    [API_CONDITION_##constant] = {.name = (name_), .means = (means_), .otherwise = (otherwise_)},
    API_CONDITION_TYPES(CONDITION_ROW)
#undef CONDITION_ROW
};

static const struct api_reason_info reasons[] = {
#define REASON_ROW(constant, name_, warning_, places_, means_)                                     \
    [API_REASON_##constant] = {.name = (name_),                                                    \
                               .warning = (warning_),                                              \
                               .places = (places_),                                                \
                               .means = (means_)},
    API_REASONS(REASON_ROW)
#undef REASON_ROW
};

const struct api_reason_info *api_reason_info(enum api_reason reason)
{
    assert(reason < API_REASON_COUNT);
    return &reasons[reason];
}

const char *api_reason_name(enum api_reason reason)
{
    return api_reason_info(reason)->name;
}

enum api_reason api_reason_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_equal(reasons[i].name, name))
            return (enum api_reason)i;
    return API_REASON_COUNT;
}

const char *api_condition_name(enum api_condition_type type)
{
    assert(type < API_CONDITION_COUNT);
    return condition_types[type].name;
}

const char *api_condition_means(enum api_condition_type type)
{
    assert(type < API_CONDITION_COUNT);
    return condition_types[type].means;
}

const json_t *api_condition_find(const json_t *conditions, enum api_condition_type type)
{
    size_t i;
    const json_t *condition;

    json_array_foreach(conditions, i, condition)
        if (str_equal(json_str_at(condition, "type"), api_condition_name(type)))
            return condition;
    return NULL;
}

void api_conditions_read(const json_t *array,
                         struct api_condition_past past[static API_CONDITION_COUNT])
{
    for (int type = 0; type < API_CONDITION_COUNT; type++) {
        const json_t *condition = api_condition_find(array, (enum api_condition_type)type);
        const char *since = json_str_at(condition, "lastTransitionTime");

        past[type] = (struct api_condition_past){
            .status = str_equal(json_str_at(condition, "status"), "True")};
        if (since && !wall_parse(since, &past[type].since))
            past[type].since = (struct wall_time){0};
    }
}

static json_t *build_one(enum api_condition_type type, const struct api_condition *condition,
                         const struct api_condition_past *before, int64_t generation,
                         struct wall_time now)
{
    char message[API_CONDITION_MESSAGE_MAX];
    char since[CLOCK_RFC3339_SIZE];
    json_t *object = json_object();
    bool keeps = before && before->since.ms != 0 && before->status == condition->status;

    wall_format(keeps ? before->since : now, since);
    (void)str_copy(message, sizeof(message),
                   str_empty(condition->message) ? condition_types[type].otherwise
                                                 : condition->message);
    json_put_str(object, "type", api_condition_name(type));
    json_put_str(object, "status", condition->status ? "True" : "False");
    json_put(object, "observedGeneration", json_integer(generation));
    json_put_str(object, "lastTransitionTime", since);
    json_put_str(object, "reason", api_reason_name(condition->reason));
    json_put(object, "message", json_text(message));
    return object;
}

json_t *api_conditions_build(const struct api_condition conditions[static API_CONDITION_COUNT],
                             const struct api_condition_past *before, int64_t generation,
                             struct wall_time now)
{
    json_t *array = json_array();

    for (int type = 0; type < API_CONDITION_COUNT; type++)
        json_add(array, build_one((enum api_condition_type)type, &conditions[type],
                                  before ? &before[type] : NULL, generation, now));
    return array;
}
