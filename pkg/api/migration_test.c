/*
 * api: the XoVolumeMigration as it is read back, its schema included.
 *
 * Covers migration_status.c.
 */
#include "api/migration.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static void read_file(const char *path, struct buf *text)
{
    struct err err = {0};
    int rv = file_read(path, text, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
}

static const struct kube_object *decode_text(const char *text)
{
    cleanup_json json_t *json = NULL;
    struct kube_object *object = NULL;
    struct err err = {0};
    int rv = json_parse(text, strlen(text), &json, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    rv = kube_object_decode(&migration_kind, json, &object, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    return object;
}

static const struct kube_object *decode_whole(void)
{
    cleanup_buf struct buf text = {0};
    read_file(TESTDATA "/migration.json", &text);
    return decode_text(buf_str(&text));
}

Test(migration_resource, reads_its_spec)
{
    cleanup_kube_object const struct kube_object *object = decode_whole();
    const struct migration_resource *it = migration_resource_of(object);
    cr_assert_eq(it->volume_count, 2);
    cr_assert_str_eq(it->volumes[0].claim_name, "data-db-0");
    cr_assert_str_eq(migration_target_of(it, &it->volumes[0])->srs_with_tag, "nvme");
    cr_assert_str_eq(migration_target_of(it, &it->volumes[1])->sr_uuid,
                     "4cb0d74e-a7c1-0b7d-46e3-09382c012abb");
    cr_assert_str_eq(migration_target_of(it, &it->volumes[1])->srs_with_tag, "");
    cr_assert_eq(it->retry_limit, 10);
    cr_assert_eq(it->retry_initial_delay_ms, 90 * 1000);
    cr_assert_eq(it->retry_max_delay_ms, 2 * 3600 * 1000);
    cr_assert_eq(it->stall_timeout_ms, 500);
    cr_assert(it->cancel);
    cr_assert(it->dry_run);
    cr_assert_eq(it->mode, MIGRATION_MODE_LIVE);
    cr_assert_eq(it->leftovers_policy, MIGRATION_LEFTOVERS_DELETE);
    cr_assert_eq(it->ttl_s, 86400);
    cr_assert_str_eq(migration_resource_keep(it, "data-db-0"),
                     "0b6f2c0e-7a55-4d0e-9d0a-1c2d3e4f5a6b");
    cr_assert_str_eq(migration_resource_keep(it, "wal-db-0"), "");
    cr_assert_str_eq(kube_object_annotation(object, MIGRATION_RELEASE_ANNOTATION), "true");
    cr_assert_null(kube_object_annotation(object, "note"));
}

Test(migration_resource, reads_back_what_was_written_ahead)
{
    cleanup_kube_object const struct kube_object *object = decode_whole();
    const struct migration_resource *it = migration_resource_of(object);
    const struct migration_volume_record *record = migration_resource_record(it, "old-db-0");
    cr_assert_eq(it->observed_generation, 2);
    cr_assert_str_eq(it->reason, "Migrating");
    cr_assert(record->attempt_open);
    cr_assert_eq(record->attempt_start.ms, INT64_C(1767225690000));
    cr_assert_eq(record->known_disks.len, 1);
    cr_assert_str_eq(record->known_disks.items[0], "disk-a");
    cr_assert_str_eq(record->task, "OpaqueRef:1");
    cr_assert_str_eq(record->source.disk, "disk-a");
    cr_assert_str_eq(record->destination.sr_uuid, "sr-b");
    cr_assert_str_eq(record->destination.disk, "");
    cr_assert_eq(record->progress_percent, 42);
    cr_assert_str_eq(record->avoid_sr, "sr-c");
    cr_assert_not(migration_resource_record(it, "wal-db-0")->attempt_open);
    cr_assert_str_eq(record->mode, MIGRATION_LIVE);
    cr_assert_str_eq(record->source_host, "host-a");
    cr_assert_str_eq(record->destination_host, "host-b");
    cr_assert_str_eq(record->vm, "vm-1");
    cr_assert_eq(record->bytes_per_second, 1048576);
    cr_assert_eq(record->queued_since.ms, INT64_C(1767225630000));
    cr_assert_eq(it->history_count, 1);
    cr_assert_eq(it->history[0].generation, 2);
    cr_assert_eq(it->history[0].attempt, 1);
    cr_assert_eq(it->history[0].end.ms - it->history[0].start.ms, 20 * 1000);
    cr_assert_str_eq(it->history[0].outcome, MIGRATION_FAILED);
    cr_assert_str_eq(it->history[0].reason, "AttemptFailed");
    cr_assert_str_eq(it->leftovers[0].claim_name, "old-db-0");
    cr_assert_eq(it->leftover_count, 1);
    cr_assert_str_eq(it->leftovers[0].name, "leftover-csi-pv-1-disk-x");
    cr_assert(migration_resource_open(it));
    cr_assert_not(migration_resource_ended(it));
}

Test(migration_resource, has_the_schemas_defaults_when_nothing_is_said)
{
    cleanup_kube_object const struct kube_object *object =
        decode_text("{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"}}");
    const struct migration_resource *it = migration_resource_of(object);
    cr_assert_eq(it->observed_generation, -1);
    cr_assert_eq(it->retry_limit, -1);
    cr_assert_eq(it->retry_initial_delay_ms, 10 * 1000);
    cr_assert_eq(it->retry_max_delay_ms, 5 * 60 * 1000);
    cr_assert_eq(it->stall_timeout_ms, 30 * 60 * 1000);
    cr_assert_eq(it->mode, MIGRATION_MODE_AUTO);
    cr_assert_eq(it->leftovers_policy, MIGRATION_LEFTOVERS_RENAME);
    cr_assert_eq(it->ttl_s, -1);
    cr_assert_not(it->dry_run);
    cr_assert_str_eq(it->phase, "");
}

/* Decodes an object with this spec. */
static const struct kube_object *decode_spec(const char *spec)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"},\"spec\":%s}", spec);
    return decode_text(text);
}

Test(migration_resource, knows_a_uuid_however_its_letters_are_written)
{
    cleanup_kube_object const struct kube_object *object = decode_spec(
        "{\"target\":{\"srUUID\":\"4CB0D74E-A7C1-0b7d-46E3-09382C012ABB\"},\"recovery\":[{"
        "\"claimName\":\"c\",\"keep\":\"0B6F2C0E-7A55-4D0E-9D0A-1C2D3E4F5A6B\"}]}");
    const struct migration_resource *it = migration_resource_of(object);
    cr_assert_str_eq(it->target.sr_uuid, "4cb0d74e-a7c1-0b7d-46e3-09382c012abb");
    cr_assert_str_eq(migration_resource_keep(it, "c"), "0b6f2c0e-7a55-4d0e-9d0a-1c2d3e4f5a6b");
}

Test(migration_resource, leaves_what_is_no_uuid_as_it_is)
{
    cleanup_kube_object const struct kube_object *object =
        decode_spec("{\"target\":{\"srUUID\":\"The Fast One, which is no UUID at all\"}}");
    cr_assert_str_eq(migration_resource_of(object)->target.sr_uuid,
                     "The Fast One, which is no UUID at all");
}

Test(migration_resource, reads_what_guards_it)
{
    cleanup_kube_object const struct kube_object *object =
        decode_spec("{\"overcommit\":false,\"snapshots\":\"Refuse\",\"notAfter\":"
                    "\"2026-11-29T12:00:00+01:00\"}");
    const struct migration_resource *it = migration_resource_of(object);
    char when[CLOCK_RFC3339_SIZE];
    wall_format(it->not_after, when);
    cr_assert_str_eq(when, "2026-11-29T11:00:00Z");
    cr_assert_not(it->overcommit);
    cr_assert_eq(it->snapshots_policy, MIGRATION_SNAPSHOTS_REFUSE);
}

Test(migration_resource, is_unguarded_when_nothing_is_said)
{
    cleanup_kube_object const struct kube_object *object = decode_spec("{}");
    const struct migration_resource *it = migration_resource_of(object);
    cr_assert(it->overcommit);
    cr_assert_eq(it->snapshots_policy, MIGRATION_SNAPSHOTS_KEEP);
    cr_assert_eq(it->not_after.ms, 0);
}

Test(migration_resource, is_over_when_nobody_can_read_until_when_it_may_begin)
{
    cleanup_kube_object const struct kube_object *object =
        decode_spec("{\"notAfter\":\"yesterday\"}");
    cr_assert_eq(migration_resource_of(object)->not_after.ms, 1);
}

Test(migration_resource, takes_no_nonsense_for_a_delay)
{
    static const char *const nonsense[] = {"", "10", "s", "-5s", "1d", "5 s", "1h-3m"};
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        cleanup_str char *text = str_new("{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"},"
                                         "\"spec\":{\"retry\":{\"initialDelay\":\"%s\"}}}",
                                         nonsense[i]);
        cleanup_kube_object const struct kube_object *object = decode_text(text);
        cr_assert_eq(migration_resource_of(object)->retry_initial_delay_ms, 10 * 1000, "%s",
                     nonsense[i]);
    }
}

static void collect(const char *value, void *userdata)
{
    struct buf *buf = userdata;
    buf_putf(buf, "%s ", value);
}

Test(migration_resource, is_found_by_the_claims_of_its_spec_and_of_open_attempts)
{
    cleanup_kube_object const struct kube_object *object = decode_whole();
    cleanup_buf struct buf keys = {0};
    migration_kind.indexes[0].values(object, collect, &keys);
    cr_assert_str_eq(buf_str(&keys), "shop/data-db-0 shop/wal-db-0 shop/old-db-0 ");
}

Test(migration_resource, tells_statuses_that_mean_the_same_from_others)
{
    static const char one[] =
        "{\"conditions\":[{\"type\":\"A\"},{\"type\":\"B\"}],\"phase\":\"x\"}";
    static const char two[] =
        "{\"phase\":\"x\",\"conditions\":[{\"type\":\"B\"},{\"type\":\"A\"}]}";
    cleanup_json json_t *first = NULL;
    cleanup_json json_t *second = NULL;
    cr_assert_eq(json_parse(one, strlen(one), &first, NULL), 0);
    cr_assert_eq(json_parse(two, strlen(two), &second, NULL), 0);
    for (int aspect = 0; aspect < MIGRATION_ASPECTS; aspect++)
        cr_assert_eq(migration_status_digest(first, (enum migration_aspect)aspect),
                     migration_status_digest(second, (enum migration_aspect)aspect));
    json_put_str(second, "phase", "y");
    for (int aspect = 0; aspect < MIGRATION_ASPECTS; aspect++)
        cr_assert_neq(migration_status_digest(first, (enum migration_aspect)aspect),
                      migration_status_digest(second, (enum migration_aspect)aspect));
}

/* Whether the two texts are the same status in that aspect and in all that leave out more, and in no other. */
static void expect_same_from(enum migration_aspect from, const char *one, const char *two)
{
    cleanup_json json_t *first = NULL;
    cleanup_json json_t *second = NULL;

    cr_assert_eq(json_parse(one, strlen(one), &first, NULL), 0, "%s", one);
    cr_assert_eq(json_parse(two, strlen(two), &second, NULL), 0, "%s", two);
    for (int i = 0; i < MIGRATION_ASPECTS; i++) {
        enum migration_aspect aspect = (enum migration_aspect)i;
        cr_assert_eq(migration_status_digest(first, aspect) ==
                         migration_status_digest(second, aspect),
                     aspect >= from, "aspect %d of %s", i, two);
    }
}

Test(migration_resource, tells_in_what_two_statuses_differ)
{
    expect_same_from(MIGRATION_WITHOUT_PROGRESS, "{\"progress\":\"3 %\"}",
                     "{\"progress\":\"4 %\"}");
    expect_same_from(MIGRATION_WITHOUT_PROGRESS,
                     "{\"migratedVolumes\":[{\"progressPercent\":3,\"bytesPerSecond\":5}]}",
                     "{\"migratedVolumes\":[{\"progressPercent\":4}]}");
    expect_same_from(MIGRATION_WITHOUT_MESSAGES, "{\"message\":\"a\"}", "{\"message\":\"b\"}");
    expect_same_from(MIGRATION_WITHOUT_MESSAGES, "{\"conditions\":[{\"message\":\"a\"}]}",
                     "{\"conditions\":[{\"message\":\"b\"}]}");
    expect_same_from(MIGRATION_WITHOUT_STAGES, "{\"conditions\":[{\"reason\":\"a\"}]}",
                     "{\"conditions\":[{\"reason\":\"b\"}]}");
    expect_same_from(MIGRATION_WITHOUT_STAGES,
                     "{\"migratedVolumes\":[{\"attempt\":{\"xapiTask\":\"t\"}}]}",
                     "{\"migratedVolumes\":[{\"attempt\":{}}]}");
    expect_same_from(MIGRATION_ASPECTS, "{\"history\":[{\"message\":\"a\"}]}",
                     "{\"history\":[{\"message\":\"b\"}]}");
    expect_same_from(MIGRATION_ASPECTS, "{\"attempts\":1}", "{\"attempts\":\"1\"}");
    expect_same_from(MIGRATION_ASPECTS, "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"y\",\"b\":\"x\"}");
    expect_same_from(MIGRATION_ASPECTS, "{\"knownVDIs\":[\"a\",\"b\"]}",
                     "{\"knownVDIs\":[\"b\",\"a\"]}");
    expect_same_from(MIGRATION_ASPECTS, "{\"a\":true}", "{\"a\":false}");
    expect_same_from(MIGRATION_ASPECTS, "{\"a\":1e+99}", "{\"a\":1e+98}");
}

static const char FIELDS[] =
    "claimName target srUUID srsWithTag nodeName retry limit initialDelay maxDelay "
    "stallTimeout cancel mode dryRun recovery keep ttlSecondsAfterFinished history "
    "generation endTime outcome sourceHostUUID destinationHostUUID vmUUID queuedTime "
    "estimatedSeconds backupImpact observedGeneration phase progress from to volumes "
    "attempts nextRetryTime startTime completionTime estimatedCompletionTime message "
    "migratedVolumes persistentVolumeName diskName sizeBytes source destination srName "
    "hostName poolName vdiUUID progressPercent bytesPerSecond avoidSRUUID attempt knownVDIs "
    "xapiTask leftovers name since reason conditions overcommit snapshots notAfter poolUUID id "
    "question vdiUUIDs earlierAnswer attemptID blockedTime pauseReason bytesCopiedInVain";

/* The schema serves every field that is read or written here, and says the version that this program
 * was built for. */
Test(migration_resource, has_the_version_and_the_fields_of_its_schema)
{
    cleanup_buf struct buf schema = {0};
    read_file(PROJECT "/crds/xovolumemigrations.yaml", &schema);
    for (const char *field = FIELDS; *field; field += strspn(field, " ")) {
        int len = (int)strcspn(field, " ");
        cleanup_str char *member = str_new(" %.*s:", len, field);
        cr_assert_not_null(strstr(buf_str(&schema), member), "no field %s", member);
        field += len;
    }
    cleanup_str char *version =
        str_new("%s: \"%d\"", MIGRATION_SCHEMA_ANNOTATION, MIGRATION_SCHEMA_VERSION);
    cr_assert_not_null(strstr(buf_str(&schema), version));
    cr_assert_not_null(strstr(buf_str(&schema), "default: -1"));
}
