/*
 * api-doc, 8: the part of docs/api/ that follows from the schema and from the table of reasons. Of
 * a page, what stands between the lines `<!-- made: NAME -->` and `<!-- end -->` is made anew; the rest
 * is left as it is. Names: spec, status (fields and their descriptions, from the schema), conditions,
 * reasons (from conditions_table.h). `api-doc` writes the page, a unit test compares it.
 * Thread: any. Not used by the operator itself.
 */
#ifndef API_DOC_API_DOC_H
#define API_DOC_API_DOC_H

#include "base/buf.h"
#include "base/err.h"

/** Appends `page` with its made parts as they have to be; `schema` is the YAML of the
 * CustomResourceDefinition. ERR_INVALID names the part that can't be made. */
int api_doc(const char *page, const char *schema, struct buf *ret, struct err *err) WARN_UNUSED;

#endif
