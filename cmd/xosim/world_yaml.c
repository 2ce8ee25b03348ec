/*
 * xosim: reading the description of a world.
 *
 * A table says which sections there are and which fields their items have; one reader goes by it,
 * so every field is checked and reported in the same way, and an unknown one is never overlooked.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/size.h"
#include "xosim/world.h"

#include <openssl/evp.h>
#include <string.h>
#include <yaml.h>

enum field_kind {
    FIELD_TEXT,
    FIELD_UUID,
    FIELD_SIZE,
    FIELD_NUMBER,
    FIELD_DURATION,
    FIELD_BOOL,
    FIELD_TEXTS
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    bool required;
    const char *choices; /* of a text, with spaces between; NULL: any text */
};

struct section {
    const char *name;
    size_t offset; /* of its list in the world */
    size_t size;   /* of an item */
    const struct field *fields;
    size_t fields_len;
};

#define FIELD(type, member, kind_, ...)                                                            \
    {                                                                                              \
        .name = #member, .kind = (kind_), .offset = offsetof(struct type, member), ##__VA_ARGS__   \
    }

static const struct field user_fields[] = {
    FIELD(world_user, email, FIELD_TEXT, .required = true),
    FIELD(world_user, password, FIELD_TEXT, .required = true),
    FIELD(world_user, permission, FIELD_TEXT, .choices = "admin none"),
    FIELD(world_user, id, FIELD_UUID),
    FIELD(world_user, sees, FIELD_TEXT, .choices = "permitted all"),
    FIELD(world_user, acls, FIELD_TEXTS),
};
static const struct field token_fields[] = {
    FIELD(world_token, token, FIELD_TEXT, .required = true),
    FIELD(world_token, user, FIELD_TEXT, .required = true),
    {.name = "expires_in",
     .kind = FIELD_DURATION,
     .offset = offsetof(struct world_token, expires_in_ms)},
};
static const struct field pool_fields[] = {
    FIELD(world_pool, name, FIELD_TEXT, .required = true),
    FIELD(world_pool, uuid, FIELD_UUID),
    FIELD(world_pool, default_sr, FIELD_TEXT),
    FIELD(world_pool, mirror, FIELD_TEXT, .choices = "full plain varies"),
    FIELD(world_pool, live_moves, FIELD_NUMBER),
    FIELD(world_pool, server, FIELD_TEXT, .choices = "enabled disabled"),
};
static const struct field host_fields[] = {
    FIELD(world_host, name, FIELD_TEXT, .required = true),
    FIELD(world_host, uuid, FIELD_UUID),
    FIELD(world_host, pool, FIELD_TEXT, .required = true),
    FIELD(world_host, address, FIELD_TEXT),
    FIELD(world_host, memory, FIELD_SIZE),
    FIELD(world_host, memory_used, FIELD_SIZE),
};
static const struct field sr_fields[] = {
    FIELD(world_sr, name, FIELD_TEXT, .required = true),
    FIELD(world_sr, uuid, FIELD_UUID),
    FIELD(world_sr, pool, FIELD_TEXT),
    FIELD(world_sr, host, FIELD_TEXT),
    FIELD(world_sr, type, FIELD_TEXT),
    FIELD(world_sr, size, FIELD_SIZE, .required = true),
    FIELD(world_sr, used, FIELD_SIZE),
    FIELD(world_sr, bandwidth, FIELD_SIZE),
    FIELD(world_sr, thin, FIELD_BOOL),
    FIELD(world_sr, format, FIELD_TEXT, .choices = "vhd qcow2"),
    FIELD(world_sr, tags, FIELD_TEXTS),
};
static const struct field vm_fields[] = {
    FIELD(world_vm, name, FIELD_TEXT, .required = true),
    FIELD(world_vm, uuid, FIELD_UUID),
    FIELD(world_vm, host, FIELD_TEXT, .required = true),
    FIELD(world_vm, power, FIELD_TEXT, .choices = "running halted paused suspended"),
    FIELD(world_vm, node, FIELD_BOOL),
    FIELD(world_vm, tags, FIELD_TEXTS),
    FIELD(world_vm, write_rate, FIELD_SIZE),
    FIELD(world_vm, flush_seconds, FIELD_TEXT),
    FIELD(world_vm, memory, FIELD_SIZE),
    {.name = "blocked_operations",
     .kind = FIELD_TEXTS,
     .offset = offsetof(struct world_vm, blocked)},
};
static const struct field disk_fields[] = {
    FIELD(world_disk, name, FIELD_TEXT, .required = true),
    FIELD(world_disk, uuid, FIELD_UUID),
    FIELD(world_disk, sr, FIELD_TEXT, .required = true),
    FIELD(world_disk, description, FIELD_TEXT),
    FIELD(world_disk, type, FIELD_TEXT, .choices = "user system"),
    FIELD(world_disk, vm, FIELD_TEXT),
    FIELD(world_disk, position, FIELD_TEXT),
    FIELD(world_disk, size, FIELD_SIZE, .required = true),
    FIELD(world_disk, seed, FIELD_NUMBER),
    FIELD(world_disk, count, FIELD_NUMBER),
    FIELD(world_disk, read_only, FIELD_BOOL),
    FIELD(world_disk, bootable, FIELD_BOOL),
    FIELD(world_disk, tags, FIELD_TEXTS),
};

#define SECTION(member, type, fields_)                                                             \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct world, member), .size = sizeof(struct type),    \
        .fields = (fields_), .fields_len = ARRAY_LEN(fields_)                                      \
    }

static const struct section sections[] = {
    SECTION(users, world_user, user_fields), SECTION(tokens, world_token, token_fields),
    SECTION(pools, world_pool, pool_fields), SECTION(hosts, world_host, host_fields),
    SECTION(srs, world_sr, sr_fields),       SECTION(vms, world_vm, vm_fields),
    SECTION(disks, world_disk, disk_fields),
};

/* What is being read, and where: for messages. */
struct reader {
    struct world *world;
    yaml_document_t *document;
    struct err *err;
    const char *section;
    size_t index;
};

static const char *scalar(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const char *found(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_MAPPING_NODE:
        return "a mapping";
    case YAML_SEQUENCE_NODE:
        return "a list";
    case YAML_NO_NODE:
    case YAML_SCALAR_NODE:
        break;
    }
    const char *text = scalar(node);
    return text && *text ? text : "nothing";
}

static int complain(const struct reader *reader, const yaml_node_t *node, const char *field,
                    const char *write)
{
    return err_set(reader->err, ERR_INVALID, "%s:%zu: %s[%zu]%s%s: found \"%.80s\"; %s",
                   reader->world->file, node->start_mark.line + 1, reader->section, reader->index,
                   field ? "." : "", field ? field : "", found(node), write);
}

static const char *what_to_write(enum field_kind kind)
{
    switch (kind) {
    case FIELD_TEXT:
        return "write a text that is not empty";
    case FIELD_UUID:
        return "write a UUID in lower case, or leave it out";
    case FIELD_SIZE:
        return "write a size in bytes or with a unit, such as 100 GiB";
    case FIELD_NUMBER:
        return "write a number of 0 or more";
    case FIELD_DURATION:
        return "write a duration such as 30 days, or milliseconds";
    case FIELD_BOOL:
        return "write true or false";
    case FIELD_TEXTS:
        return "write a list of texts, such as [k8s-local]";
    }
    return "";
}

static bool chosen(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *choice = choices; *choice; choice += strspn(choice, " ")) {
        size_t choice_len = strcspn(choice, " ");
        if (choice_len == len && memcmp(choice, text, len) == 0)
            return true;
        choice += choice_len;
    }
    return false;
}

static bool read_texts(const struct reader *reader, const yaml_node_t *node, struct list *texts)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return false;
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const char *text = scalar(yaml_document_get_node(reader->document, *item));
        if (str_empty(text) || texts->len >= WORLD_ITEMS_MAX)
            return false;
        list_add(texts, mem_strdup(text));
    }
    return true;
}

static bool read_value(const struct reader *reader, const struct field *field,
                       const yaml_node_t *node, void *target)
{
    const char *text = scalar(node);
    int64_t number = 0;
    if (field->kind == FIELD_TEXTS)
        return read_texts(reader, node, target);
    if (str_empty(text))
        return false;
    switch (field->kind) {
    case FIELD_TEXT:
        mem_replace_str(target, text);
        return !field->choices || chosen(field->choices, text);
    case FIELD_UUID:
        mem_replace_str(target, text);
        return ids_is_uuid(text);
    case FIELD_SIZE:
        return size_parse(text, target);
    case FIELD_DURATION:
        return size_parse_duration(text, target);
    case FIELD_NUMBER:
        if (!str_parse_int64(text, 0, INT64_MAX, &number))
            return false;
        *(uint64_t *)target = (uint64_t)number;
        return true;
    case FIELD_BOOL:
        *(bool *)target = str_equal(text, "true");
        return str_equal(text, "true") || str_equal(text, "false");
    case FIELD_TEXTS:
        break;
    }
    return false;
}

static const struct field *find_field(const struct section *section, const char *name)
{
    for (size_t i = 0; name && i < section->fields_len; i++) {
        if (str_equal(section->fields[i].name, name))
            return &section->fields[i];
    }
    return NULL;
}

static int complain_unknown(const struct reader *reader, const struct section *section,
                            const yaml_node_t *key)
{
    struct buf text = {0};
    buf_put(&text, "write one of:");
    for (size_t i = 0; i < section->fields_len; i++)
        buf_putf(&text, " %s", section->fields[i].name);
    cleanup_str char *write = buf_steal(&text);
    return complain(reader, key, "(field)", write);
}

static int read_item(struct reader *reader, const struct section *section, const yaml_node_t *node,
                     char *item)
{
    unsigned seen = 0;
    if (node->type != YAML_MAPPING_NODE)
        return complain(reader, node, NULL, "write fields, each as name: value");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        const struct field *field = find_field(section, scalar(key));
        if (!field)
            return complain_unknown(reader, section, key);
        unsigned bit = 1U << (field - section->fields);
        if (seen & bit)
            return complain(reader, key, field->name, "write it once");
        seen |= bit;
        if (!read_value(reader, field, value, item + field->offset)) {
            cleanup_str char *choices =
                field->choices ? str_new("write one of: %s", field->choices) : NULL;
            return complain(reader, value, field->name,
                            choices ? choices : what_to_write(field->kind));
        }
    }
    for (size_t i = 0; i < section->fields_len; i++) {
        if (section->fields[i].required && !(seen & (1U << i)))
            return err_set(reader->err, ERR_INVALID, "%s:%zu: %s[%zu].%s: not found; %s",
                           reader->world->file, node->start_mark.line + 1, reader->section,
                           reader->index, section->fields[i].name,
                           what_to_write(section->fields[i].kind));
    }
    return 0;
}

static int read_section(struct reader *reader, const struct section *section,
                        const yaml_node_t *node)
{
    struct list *list = (struct list *)(void *)((char *)reader->world + section->offset);
    reader->section = section->name;
    if (node->type != YAML_SEQUENCE_NODE)
        return err_set(reader->err, ERR_INVALID, "%s:%zu: %s: found \"%.80s\"; write a list",
                       reader->world->file, node->start_mark.line + 1, section->name, found(node));
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *child = yaml_document_get_node(reader->document, *item);
        reader->index = list->len;
        if (list->len >= WORLD_ITEMS_MAX)
            return complain(reader, child, NULL, "write fewer items; disks have a count");
        struct world_item *target = mem_alloc(section->size);
        target->line = (int64_t)child->start_mark.line + 1;
        list_add(list, target);
        if (read_item(reader, section, child, (char *)target) != 0)
            return -1;
    }
    return 0;
}

static const struct section *find_section(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(sections); i++) {
        if (str_equal(sections[i].name, name))
            return &sections[i];
    }
    return NULL;
}

static int read_document(struct reader *reader)
{
    static const char sections_text[] = "write users, tokens, pools, hosts, srs, vms and disks";
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return err_set(reader->err, ERR_INVALID, "%s:1: found no world; %s", reader->world->file,
                       sections_text);
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
        const struct section *section = find_section(scalar(key));
        if (!section)
            return err_set(reader->err, ERR_INVALID, "%s:%zu: found \"%.80s\"; %s",
                           reader->world->file, key->start_mark.line + 1, found(key),
                           sections_text);
        if (read_section(reader, section, yaml_document_get_node(reader->document, pair->value)) !=
            0)
            return -1;
    }
    return 0;
}

int world_read(struct world *world, const char *file, const char *text, size_t len, struct err *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    mem_replace_str(&world->file, file);
    if (!EVP_Digest(text, len, digest, &digest_len, EVP_sha256(), NULL))
        return err_set(err, ERR_UNKNOWN, "%s: SHA-256 is not available", file);
    for (unsigned i = 0; i < digest_len && i * 2 + 2 < CONTENT_HASH_SIZE; i++)
        (void)str_format(world->hash + (size_t)i * 2, 3, "%02x", digest[i]);
    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_UNKNOWN, "%s: out of memory", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &document)) {
        err_set(err, ERR_INVALID, "%s:%zu: %s; write YAML", file, parser.problem_mark.line + 1,
                parser.problem ? parser.problem : "no YAML");
        yaml_parser_delete(&parser);
        return -1;
    }
    struct reader reader = {.world = world, .document = &document, .err = err};
    int result = read_document(&reader);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return result;
}

int world_read_file(struct world *world, const char *path, struct err *err)
{
    cleanup_buf struct buf text = {.max = WORLD_FILE_MAX};
    if (file_read(path, &text, err) != 0)
        return -1;
    return world_read(world, path, buf_str(&text), text.len, err);
}

static void free_item(const struct section *section, char *item)
{
    for (size_t i = 0; i < section->fields_len; i++) {
        const struct field *field = &section->fields[i];
        void *member = item + field->offset;
        if (field->kind == FIELD_TEXT || field->kind == FIELD_UUID) {
            mem_free(*(char **)member);
        } else if (field->kind == FIELD_TEXTS) {
            struct list *texts = member;
            for (size_t k = 0; k < texts->len; k++)
                mem_free(texts->items[k]);
            list_done(texts);
        }
    }
    mem_free(item);
}

void world_done(struct world *world)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        struct list *list = (struct list *)(void *)((char *)world + sections[i].offset);
        for (size_t k = 0; k < list->len; k++)
            free_item(&sections[i], list->items[k]);
        list_done(list);
    }
    mem_free(world->file);
    *world = (struct world){0};
}
