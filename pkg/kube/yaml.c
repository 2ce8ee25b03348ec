/* kube, 1: typed look-ups in a YAML document. */
#include "kube/yaml.h"

#include "base/str.h"

#include <string.h>

int kube_yaml_parse(const char *text, size_t len, yaml_document_t *ret, struct err *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_UNKNOWN, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    int result = 0;
    if (!yaml_parser_load(&parser, ret))
        result = err_set(err, ERR_INVALID, "not valid YAML at line %zu, column %zu: %s",
                         parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                         parser.problem ? parser.problem : "unreadable");
    yaml_parser_delete(&parser);
    return result;
}

const char *kube_yaml_text(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
        return NULL;
    return text;
}

yaml_node_t *kube_yaml_at(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
    if (!node || node->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        if (str_equal(kube_yaml_text(yaml_document_get_node(document, pair->key)), key))
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

const char *kube_yaml_text_at(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
    return kube_yaml_text(kube_yaml_at(document, node, key));
}

yaml_node_t *kube_yaml_entry(yaml_document_t *document, const yaml_node_t *node, size_t index,
                             const char **ret_key)
{
    if (!node || node->type != YAML_MAPPING_NODE ||
        index >= (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start))
        return NULL;
    const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[index];
    *ret_key = kube_yaml_text(yaml_document_get_node(document, pair->key));
    return yaml_document_get_node(document, pair->value);
}

size_t kube_yaml_len(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SEQUENCE_NODE)
        return 0;
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

yaml_node_t *kube_yaml_element(yaml_document_t *document, const yaml_node_t *node, size_t index)
{
    return yaml_document_get_node(document, node->data.sequence.items.start[index]);
}

yaml_node_t *kube_yaml_named(yaml_document_t *document, const yaml_node_t *node, const char *name)
{
    for (size_t i = 0; i < kube_yaml_len(node); i++) {
        yaml_node_t *element = kube_yaml_element(document, node, i);
        if (str_equal(kube_yaml_text_at(document, element, "name"), name))
            return element;
    }
    return NULL;
}
