/* xo: any bytes as a description: what is written back reads the same, and a second writing changes
 * nothing. */
#include "xo/marker.h"

#include "base/mem.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *description cleanup_str = mem_strndup((const char *)data, size);
    struct xo_marker marker, back;
    xo_marker_parse(description, &marker);
    char *once cleanup_str = NULL;
    char *twice cleanup_str = NULL;
    if (xo_marker_write(description, &marker, &once, NULL) < 0)
        return 0;
    xo_marker_parse(once, &back);
    if (back.malformed || marker.malformed || back.migrating_enabled != marker.migrating_enabled ||
        !str_equal(back.in_progress_to_sr, marker.in_progress_to_sr) ||
        !str_equal(back.srs_with_tag, marker.srs_with_tag))
        abort();
    /* It may have grown past the limit only by what the marker added. */
    if (xo_marker_write(once, &back, &twice, NULL) == 0 && !str_equal(once, twice))
        abort();
    return 0;
}
