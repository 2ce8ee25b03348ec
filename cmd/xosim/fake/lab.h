/* xosim, for tests: short ways to say things about the default world. Thread: any one. */
#ifndef XOSIM_FAKE_LAB_H
#define XOSIM_FAKE_LAB_H

#include "xosim/fake/client.h"

#define LAB_LOCAL_A1  "a0000000-0000-4000-8000-000000005a01"
#define LAB_LOCAL_A2  "a0000000-0000-4000-8000-000000005a02"
#define LAB_LOCAL_A3  "a0000000-0000-4000-8000-000000005a03"
#define LAB_LOCAL_B1  "b0000000-0000-4000-8000-000000005b01"
#define LAB_SHARED_A  "a0000000-0000-4000-8000-0000000005af"
#define LAB_WORKER_A1 "a0000000-0000-4000-8000-00000000ea01"
#define LAB_WORKER_A2 "a0000000-0000-4000-8000-00000000ea02"
#define LAB_HALTED    "a0000000-0000-4000-8000-00000000dd02"

/** A site with the default world, and a client that is signed in. */
struct site *lab_open(struct fake_client **ret_client);

/** Closes both. */
void lab_close(struct site *site, struct fake_client *client);

/** A new disk of 1 GiB with contents, in the clients' view already. *Borrowed*. */
struct disk *lab_disk(struct site *site, const char *name, const char *sr);

/** How many disks of a name exist. */
size_t lab_count(const struct site *site, const char *name);

/** The existing disk of a name on an SR; *borrowed*, or NULL. */
struct disk *lab_find(const struct site *site, const char *name, const char *sr);

/** Adds a fault given as JSON text; ends the test when it is refused. */
void lab_fault(struct site *site, const char *spec);

/** Starts vdi.migrate. Returns the call's id. */
int64_t lab_migrate(struct fake_client *client, const struct disk *disk, const char *sr);

/** The error code of an answer; 0 when it is a result. */
int lab_code(const json_t *answer);

/** The params { "id": … }, *new*. */
json_t *lab_id(const char *id);

/** Plugs a disk into a VM at a position (NULL: any). */
void lab_attach(struct fake_client *client, const char *vm, const struct disk *disk,
                const char *position);

#endif
