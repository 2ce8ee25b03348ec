/* xosim, for tests: short ways to say things about the default world. */
#include "xosim/fake/lab.h"

#include "base/json.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

struct site *lab_open(struct fake_client **ret_client)
{
    struct site *site = fake_site_from(WORLDS "/default.yaml", NULL, NULL);
    *ret_client = fake_client_signed_in(site, "lab-token");
    return site;
}

void lab_close(struct site *site, struct fake_client *client)
{
    fake_client_close(client);
    site_free(site);
}

struct disk *lab_disk(struct site *site, const char *name, const char *sr_uuid)
{
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, sr_uuid);
    const struct xapi_vdi_options options = {.name_label = name, .size = (uint64_t)1 << 30};
    struct xapi_vdi *vdi = xapi_vdi_add(site->xapi, sr, &options);
    disk_fill(vdi->disk, 42);
    xapi_touch_disk(site->xapi, vdi->disk);
    fake_run(site, 1000);
    return vdi->disk;
}

size_t lab_count(const struct site *site, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < site->xapi->disks.all.len; i++) {
        const struct disk *disk = site->xapi->disks.all.items[i];
        count += disk->exists && str_equal(disk->name, name);
    }
    return count;
}

struct disk *lab_find(const struct site *site, const char *name, const char *sr)
{
    for (size_t i = 0; i < site->xapi->disks.all.len; i++) {
        struct disk *disk = site->xapi->disks.all.items[i];
        if (disk->exists && str_equal(disk->name, name) && str_equal(disk->sr, sr))
            return disk;
    }
    return NULL;
}

void lab_fault(struct site *site, const char *text)
{
    cleanup_json json_t *spec = json_loads(text, 0, NULL);
    json_t *fault = NULL;
    struct err err = {0};
    cr_assert(spec);
    cr_assert_eq(faults_add(site->faults, spec, &fault, &err), 0, "%s", err.message);
    json_decref(fault);
}

int64_t lab_migrate(struct fake_client *client, const struct disk *disk, const char *sr)
{
    return fake_client_start(client, "vdi.migrate",
                             json_build("{s:s, s:s}", "id", disk->uuid, "sr_id", sr));
}

int lab_code(const json_t *answer)
{
    cr_assert(answer);
    return (int)json_int_at(answer, "error.code", 0);
}

json_t *lab_id(const char *id)
{
    return json_build("{s:s}", "id", id);
}

void lab_attach(struct fake_client *client, const char *vm, const struct disk *disk,
                const char *position)
{
    json_t *params = json_build("{s:s, s:s, s:s}", "vm", vm, "vdi", disk->uuid, "mode", "RW");
    json_put_str(params, "position", position);
    fake_client_must(client, "vm.attachDisk", params);
}
