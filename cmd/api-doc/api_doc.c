/* api-doc, 8: the part of docs/api/ that follows from the schema and from the table of reasons. */
#include "api-doc/api_doc.h"

#include "api/conditions.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/yaml.h"

#include <string.h>

static const char BEGIN[] = "<!-- made: ";
static const char END[] = "<!-- end -->\n";

/* Whoever reads the schema wrote it: this only keeps a loop of anchors from going on for ever. */
enum { DEPTH_MAX = 8, PATH_SIZE = 256 };

static const char *type_of(yaml_document_t *document, const yaml_node_t *field)
{
    const char *type = kube_yaml_text_at(document, field, "type");

    if (str_equal(type, "array"))
        return "list";
    if (str_equal(kube_yaml_text_at(document, field, "format"), "date-time"))
        return "time";
    return type ? type : "";
}

static void put_field(yaml_document_t *document, const yaml_node_t *field, const char *path,
                      struct buf *ret)
{
    const char *description = kube_yaml_text_at(document, field, "description");
    const yaml_node_t *values = kube_yaml_at(document, field, "enum");
    const char *fallback = kube_yaml_text_at(document, field, "default");

    buf_putf(ret, "| `%s` | %s | %s", path, type_of(document, field),
             description ? description : "");
    for (size_t i = 0; i < kube_yaml_len(values); i++)
        buf_putf(ret, "%s`%s`", i ? ", " : " One of ",
                 kube_yaml_text(kube_yaml_element(document, values, i)));
    if (kube_yaml_len(values) > 0)
        buf_put(ret, ".");
    if (fallback)
        buf_putf(ret, " Default: `%s`.", fallback);
    buf_put(ret, " |\n");
}

static void put_fields(yaml_document_t *document, const yaml_node_t *object, const char *prefix,
                       int depth, struct buf *ret)
{
    const yaml_node_t *properties = kube_yaml_at(document, object, "properties");
    const yaml_node_t *field;
    const char *name = NULL;
    char path[PATH_SIZE];

    for (size_t i = 0; (field = kube_yaml_entry(document, properties, i, &name)); i++) {
        const yaml_node_t *items = kube_yaml_at(document, field, "items");
        bool list = items != NULL;
        if (!str_format(path, sizeof(path), "%s%s%s%s", prefix, *prefix ? "." : "", name,
                        list ? "[]" : ""))
            continue; /* the schema has none so long */
        put_field(document, field, path, ret);
        if (depth < DEPTH_MAX)
            put_fields(document, list ? items : field, path, depth + 1, ret);
    }
}

static int put_schema(const char *schema, const char *part, struct buf *ret, struct err *err)
{
    yaml_document_t document;
    const yaml_node_t *fields = NULL;

    if (kube_yaml_parse(schema, strlen(schema), &document, err) < 0)
        return -1;
    static const char *const path[] = {"schema", "openAPIV3Schema", "properties"};
    yaml_node_t *spec = kube_yaml_at(&document, yaml_document_get_root_node(&document), "spec");
    yaml_node_t *versions = kube_yaml_at(&document, spec, "versions");
    yaml_node_t *node = kube_yaml_named(&document, versions, "v1alpha1");
    for (size_t i = 0; i < ARRAY_LEN(path); i++)
        node = kube_yaml_at(&document, node, path[i]);
    fields = kube_yaml_at(&document, node, part);
    if (fields) {
        buf_put(ret, "| field | type | meaning |\n| --- | --- | --- |\n");
        put_fields(&document, fields, "", 0, ret);
    }
    yaml_document_delete(&document);
    return fields ? 0 : err_set(err, ERR_INVALID, "the schema has no %s", part);
}

static void put_conditions(struct buf *ret)
{
    static const enum api_condition_type order[] = {API_CONDITION_READY,
                                                    API_CONDITION_RECONCILING,
                                                    API_CONDITION_STALLED,
                                                    API_CONDITION_MIGRATING,
                                                    API_CONDITION_MANUAL_RECOVERY_REQUIRED,
                                                    API_CONDITION_CANCELLED};

    _Static_assert(ARRAY_LEN(order) == API_CONDITION_COUNT, "every type has its row");
    buf_put(ret, "| type | True means |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        buf_putf(ret, "| `%s` | %s |\n", api_condition_name(order[i]),
                 api_condition_means(order[i]));
}

static void put_places(unsigned places, struct buf *ret)
{
    const char *comma = "";

    for (int i = 0; i < API_CONDITION_COUNT; i++)
        if (places & (1U << i)) {
            buf_putf(ret, "%s`%s`", comma, api_condition_name((enum api_condition_type)i));
            comma = ", ";
        }
    if (places & API_IN_EVENT) {
        buf_putf(ret, "%sevent", comma);
        comma = ", ";
    }
    if (places & API_IN_HISTORY) {
        buf_putf(ret, "%shistory", comma);
        comma = ", ";
    }
    if (places & API_IN_ATTACH)
        buf_putf(ret, "%sattach", comma);
}

static void put_reasons(struct buf *ret)
{
    buf_put(ret, "| reason | stands in | meaning, and what to do |\n| --- | --- | --- |\n");
    for (int i = 0; i < API_REASON_COUNT; i++) {
        const struct api_reason_info *reason = api_reason_info((enum api_reason)i);
        buf_putf(ret, "| `%s`%s | ", reason->name, reason->warning ? " ⚠" : "");
        put_places(reason->places, ret);
        buf_putf(ret, "%s | %s |\n", reason->places ? "" : "any condition that is False",
                 reason->means);
    }
}

static int put_part(const char *name, const char *schema, struct buf *ret, struct err *err)
{
    if (str_equal(name, "spec") || str_equal(name, "status"))
        return put_schema(schema, name, ret, err);
    if (str_equal(name, "conditions"))
        put_conditions(ret);
    else if (str_equal(name, "reasons"))
        put_reasons(ret);
    else
        return err_set(err, ERR_INVALID, "no part is named %s", name);
    return 0;
}

int api_doc(const char *page, const char *schema, struct buf *ret, struct err *err)
{
    const char *begin;

    while ((begin = strstr(page, BEGIN))) {
        const char *name_at = begin + strlen(BEGIN);
        cleanup_str char *name = mem_strndup(name_at, strcspn(name_at, " \n"));
        const char *line_end = strchr(begin, '\n');
        const char *end = strstr(begin, END);
        if (!line_end || !end)
            return err_set(err, ERR_INVALID, "part %s has no line %s", name, END);
        buf_put_bytes(ret, page, (size_t)(line_end + 1 - page));
        if (put_part(name, schema, ret, err) < 0)
            return -1;
        page = end; /* its line, too, is copied with what follows */
    }
    buf_put(ret, page);
    return 0;
}
