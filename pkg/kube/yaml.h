/* kube, 1: typed look-ups in a YAML document (libyaml), which follow aliases and never crash on an
 * unexpected shape. Thread: a document belongs to one thread. */
#ifndef KUBE_YAML_H
#define KUBE_YAML_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

/** Parses the first document. On success free it with yaml_document_delete(). ERR_INVALID says line
 * and column; an empty text gives a document without root. */
int kube_yaml_parse(const char *text, size_t len, yaml_document_t *ret,
                    struct err *err) WARN_UNUSED;

/** The value of a mapping's key, *borrowed*; NULL when there is none, or `node` is no mapping, or
 * NULL. */
yaml_node_t *kube_yaml_at(yaml_document_t *document, const yaml_node_t *node, const char *key);

/** The text of a scalar, *borrowed*; NULL for anything else and for a plain null. */
const char *kube_yaml_text(const yaml_node_t *node);

/** The text at a key, as the two above. */
const char *kube_yaml_text_at(yaml_document_t *document, const yaml_node_t *node, const char *key);

/** The i-th value of a mapping in the order of the text, *borrowed*, and its key, *borrowed*; NULL
 * past the end and for anything else. */
yaml_node_t *kube_yaml_entry(yaml_document_t *document, const yaml_node_t *node, size_t index,
                             const char **ret_key);

/** The number of elements of a sequence; 0 for anything else. */
size_t kube_yaml_len(const yaml_node_t *node);

/** An element of a sequence, which has it; *borrowed*. */
yaml_node_t *kube_yaml_element(yaml_document_t *document, const yaml_node_t *node, size_t index);

/** In a sequence of mappings, the one whose member `name` has this value; *borrowed*, or NULL. */
yaml_node_t *kube_yaml_named(yaml_document_t *document, const yaml_node_t *node, const char *name);

#endif
