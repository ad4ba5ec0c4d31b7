#include "policies/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum key_type { KEY_COUNT, KEY_DURATION, KEY_BYTES, KEY_NUMBER };

/* One line per key: where it stands in the file and in the struct, its default and its range
 * (counts and numbers as they are, durations in milliseconds, sizes in bytes). */
struct key {
    const char *section, *name;
    enum key_type type; /* COUNT = uint32_t, the others uint64_t */
    size_t offset;
    const char *preset;
    uint64_t min, max;
};

#define DAY_MS (24ull * 3600 * 1000)
#define AT(member) offsetof(struct sy_policy, member)
#define TAKEOVER(name_, stage_, preset_)                                                           \
    {                                                                                              \
        "takeover", name_, KEY_DURATION, AT(takeover_ms[SY_STAGE_##stage_]), preset_, 0,           \
            7 * DAY_MS                                                                             \
    }

static const struct key keys[] = {
    {"agents", "heartbeat", KEY_DURATION, AT(heartbeat_ms), "2s", 50, 60000},
    {"agents", "suspect_after", KEY_DURATION, AT(suspect_after_ms), "10s", 100, 600000},
    {"agents", "dead_after", KEY_DURATION, AT(dead_after_ms), "30s", 200, 3600000},
    TAKEOVER("ap", AP, "2m"),
    TAKEOVER("pc1", PC1, "30m"),
    TAKEOVER("pc2", PC2, "5m"),
    TAKEOVER("c1", C1, "2m"),
    TAKEOVER("c2", C2, "5m"),
    TAKEOVER("fin", FIN, "5m"),
    TAKEOVER("unseal", UNSEAL, "5m"),
    TAKEOVER("remove", REMOVE, "5m"),
    {"retry", "attempts_max", KEY_COUNT, AT(attempts_max), "3", 1, 100},
    {"retry", "backoff_first", KEY_DURATION, AT(backoff_first_ms), "10s", 1, 3600000},
    {"retry", "backoff_max", KEY_DURATION, AT(backoff_max_ms), "10m", 1, DAY_MS},
    {"delivery", "resend_first", KEY_DURATION, AT(resend_first_ms), "1s", 10, 60000},
    {"delivery", "resend_max", KEY_DURATION, AT(resend_max_ms), "30s", 10, 600000},
    {"delivery", "client_call", KEY_DURATION, AT(client_call_ms), "5s", 100, 600000},
    {"delivery", "output_keep", KEY_DURATION, AT(output_keep_ms), "1d", 60000, 365 * DAY_MS},
    {"sealing", "max_sealing", KEY_COUNT, AT(max_sealing), "0", 0, 1000000},
    {"sealing", "scratch_spare", KEY_BYTES, AT(scratch_spare_bytes), "1GiB", 0, 1ull << 50},
    {"sealing", "placements_max", KEY_COUNT, AT(placements_max), "256", 1, 1024},
    {"sealing", "plan_pause", KEY_DURATION, AT(plan_pause_ms), "20ms", 0, 60000},
    {"sealing", "lifetime_days", KEY_NUMBER, AT(lifetime_days), "540", 1, 1278},
    {"precommit", "precommit_batch_threshold", KEY_COUNT, AT(precommit_batch_threshold), "16", 1,
     SY_BATCH_SECTORS_MAX},
    {"precommit", "precommit_batch_max_wait", KEY_DURATION, AT(precommit_batch_max_wait_ms), "1h",
     0, 7 * DAY_MS},
    {"precommit", "precommit_slack", KEY_DURATION, AT(precommit_slack_ms), "6h", 0, DAY_MS},
    {"commit", "commit_batch_threshold", KEY_COUNT, AT(commit_batch_threshold), "16", 1,
     SY_BATCH_SECTORS_MAX},
    {"commit", "commit_batch_max_wait", KEY_DURATION, AT(commit_batch_max_wait_ms), "1h", 0,
     7 * DAY_MS},
    {"commit", "commit_slack", KEY_DURATION, AT(commit_slack_ms), "3h", 0, 7 * DAY_MS},
    {"commit", "commit_check_interval", KEY_DURATION, AT(commit_check_interval_ms), "1m", 100,
     3600000},
    {"messages", "msg_confidence", KEY_COUNT, AT(msg_confidence), "10", 0, 900},
    {"messages", "seed_confidence", KEY_COUNT, AT(seed_confidence), "6", 0, 900},
    {"store", "reserve_percent", KEY_COUNT, AT(store_reserve_percent), "80", 10, 95},
    {"limits", "peers_max", KEY_COUNT, AT(peers_max), "1024", 1, 65536},
    {"limits", "peer_messages_max", KEY_COUNT, AT(peer_messages_max), "1000", 16, 100000},
    {"limits", "peer_bytes_max", KEY_BYTES, AT(peer_bytes_max), "4MiB", 1u << 20, 1ull << 30},
    {"limits", "identity_rate", KEY_COUNT, AT(identity_rate), "200", 1, 1000000},
    {"limits", "identity_burst", KEY_COUNT, AT(identity_burst), "1000", 1, 1000000},
    {"limits", "live_jobs_max", KEY_COUNT, AT(live_jobs_max), "100000", 1, 1000000},
};

static uint64_t get_value(const struct sy_policy *policy, const struct key *key)
{
    const uint8_t *place = (const uint8_t *)policy + key->offset;
    if (key->type == KEY_COUNT) {
        uint32_t count = 0;
        memcpy(&count, place, sizeof(count));
        return count;
    }
    uint64_t value = 0;
    memcpy(&value, place, sizeof(value));
    return value;
}

static void set_value(struct sy_policy *policy, const struct key *key, uint64_t value)
{
    uint8_t *place = (uint8_t *)policy + key->offset;
    uint32_t count = (uint32_t)value;
    if (key->type == KEY_COUNT)
        memcpy(place, &count, sizeof(count));
    else
        memcpy(place, &value, sizeof(value));
}

static uint64_t preset_of(const struct key *key)
{
    uint64_t value = 0;
    int rc = 0;
    if (key->type == KEY_DURATION) {
        rc = sy_duration_parse(key->preset, &value, NULL);
    } else if (key->type == KEY_BYTES) {
        rc = sy_bytes_parse(key->preset, &value, NULL);
    } else {
        for (const char *digit = key->preset; *digit != '\0'; digit++)
            value = value * 10 + (uint64_t)(*digit - '0');
    }
    SY_ASSERT(rc == 0);
    return value;
}

void sy_policy_init(struct sy_policy *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++)
        set_value(ret, &keys[i], preset_of(&keys[i]));
}

/* The largest unit that divides the value: what stands in the file. */
static const char *print_value(const struct key *key, uint64_t value, char text[32])
{
    static const struct {
        const char *suffix;
        uint64_t scale;
    } times[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}},
      sizes[] = {
          {"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1024}, {"B", 1}};
    size_t unit = 0;
    if (key->type == KEY_COUNT || key->type == KEY_NUMBER) {
        (void)snprintf(text, 32, "%" PRIu64, value);
        return text;
    }
    bool duration = key->type == KEY_DURATION;
    while (unit < 4 &&
           (value == 0 || value % (duration ? times[unit].scale : sizes[unit].scale) != 0))
        unit++;
    (void)snprintf(text, 32, "%" PRIu64 "%s",
                   value / (duration ? times[unit].scale : sizes[unit].scale),
                   duration ? times[unit].suffix : sizes[unit].suffix);
    return text;
}

/* ---- reading ---- */

static int read_key(struct sy_conf_table *table, const struct key *key, struct sy_policy *policy,
                    struct sy_error *err)
{
    uint64_t value = 0;
    int64_t number = 0;
    char text[32], low[32], high[32];
    int rc = 0;
    if (key->type == KEY_DURATION) {
        rc = sy_conf_duration_ms(table, key->name, false, key->preset, &value, err);
    } else if (key->type == KEY_BYTES) {
        rc = sy_conf_bytes(table, key->name, false, key->preset, &value, err);
    } else {
        rc = sy_conf_integer(table, key->name, false, (int64_t)preset_of(key), (int64_t)key->min,
                             (int64_t)key->max, &number, err);
        value = (uint64_t)number;
    }
    if (rc != 0)
        return rc;
    if (value < key->min || value > key->max)
        return sy_conf_fail(table, key->name, err, "%s, expected %s to %s",
                            print_value(key, value, text), print_value(key, key->min, low),
                            print_value(key, key->max, high));
    set_value(policy, key, value);
    return 0;
}

static int read_all(struct sy_conf *conf, struct sy_policy *ret, struct sy_error *err)
{
    struct sy_policy policy;
    sy_policy_init(&policy);
    struct sy_conf_table *table = NULL;
    const char *section = "";
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        int rc = 0;
        if (strcmp(section, keys[i].section) != 0) {
            section = keys[i].section;
            rc = sy_conf_table_get(sy_conf_root(conf), section, false, &table, err);
        }
        if (rc == 0 && table != NULL)
            rc = read_key(table, &keys[i], &policy, err);
        if (rc != 0)
            return rc;
    }
    int rc = sy_conf_finish(conf, err);
    if (rc == 0)
        rc = sy_policy_check(&policy, err);
    if (rc == 0)
        *ret = policy;
    return rc;
}

int sy_policy_load(struct sy_policy *ret, const char *path, struct sy_error *err)
{
    struct sy_conf *conf = NULL;
    int rc = sy_conf_load(&conf, path, err);
    if (rc == 0)
        rc = read_all(conf, ret, err);
    sy_conf_destroy(conf);
    return rc;
}

int sy_policy_parse(struct sy_policy *ret, const char *text, size_t bytes, const char *name,
                    struct sy_error *err)
{
    if (bytes > SY_POLICY_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%s has %zu bytes, a policy has at most %d", name, bytes,
                       SY_POLICY_BYTES_MAX);
    struct sy_conf *conf = NULL;
    int rc = sy_conf_parse(&conf, text, bytes, name, err);
    if (rc == 0)
        rc = read_all(conf, ret, err);
    sy_conf_destroy(conf);
    return rc;
}

/* ---- checking and comparing ---- */

static const struct key *key_at(size_t offset)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        if (keys[i].offset == offset)
            return &keys[i];
    }
    return NULL;
}

int sy_policy_check(const struct sy_policy *policy, struct sy_error *err)
{
    static const struct {
        size_t small, large;
        bool may_equal;
    } pairs[] = {
        {AT(heartbeat_ms), AT(suspect_after_ms), false},
        {AT(suspect_after_ms), AT(dead_after_ms), false},
        {AT(backoff_first_ms), AT(backoff_max_ms), true},
        {AT(resend_first_ms), AT(resend_max_ms), true},
        {AT(identity_rate), AT(identity_burst), true},
    };
    char text_a[32], text_b[32];
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        uint64_t value = get_value(policy, &keys[i]);
        if (value < keys[i].min || value > keys[i].max)
            return sy_fail(
                err, SY_E_RANGE, "%s.%s is %s, expected %s at least or at most", keys[i].section,
                keys[i].name, print_value(&keys[i], value, text_a),
                print_value(&keys[i], value < keys[i].min ? keys[i].min : keys[i].max, text_b));
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(pairs); i++) {
        const struct key *small = key_at(pairs[i].small), *large = key_at(pairs[i].large);
        uint64_t a = get_value(policy, small), b = get_value(policy, large);
        if (a < b || (a == b && pairs[i].may_equal))
            continue;
        return sy_fail(err, SY_E_RANGE, "%s.%s is %s and %s.%s is %s; the first must be smaller",
                       small->section, small->name, print_value(small, a, text_a), large->section,
                       large->name, print_value(large, b, text_b));
    }
    return 0;
}

size_t sy_policy_compare(const struct sy_policy *a, const struct sy_policy *b,
                         void (*visit)(void *ctx, const char *key, const char *value_a,
                                       const char *value_b),
                         void *ctx)
{
    size_t count = 0;
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        uint64_t value_a = get_value(a, &keys[i]), value_b = get_value(b, &keys[i]);
        char name[96], text_a[32], text_b[32];
        if (value_a == value_b)
            continue;
        count++;
        (void)snprintf(name, sizeof(name), "%s.%s", keys[i].section, keys[i].name);
        if (visit != NULL)
            visit(ctx, name, print_value(&keys[i], value_a, text_a),
                  print_value(&keys[i], value_b, text_b));
    }
    return count;
}

void sy_policy_walk(const struct sy_policy *policy,
                    void (*visit)(void *ctx, const char *key, const char *value), void *ctx)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        char name[96], text[32];
        (void)snprintf(name, sizeof(name), "%s.%s", keys[i].section, keys[i].name);
        visit(ctx, name, print_value(&keys[i], get_value(policy, &keys[i]), text));
    }
}

static json_t *value_json(const struct key *key, uint64_t value)
{
    char text[32];
    if (key->type == KEY_COUNT || key->type == KEY_NUMBER)
        return json_integer((json_int_t)value);
    return json_string(print_value(key, value, text));
}

json_t *sy_policy_to_json(const struct sy_policy *policy)
{
    json_t *root = json_object();
    for (size_t i = 0; root != NULL && i < SY_ARRAY_SIZE(keys); i++) {
        json_t *section = json_object_get(root, keys[i].section);
        bool good =
            section != NULL || json_object_set_new(root, keys[i].section, json_object()) == 0;
        section = json_object_get(root, keys[i].section);
        good = good && json_object_set_new(section, keys[i].name,
                                           value_json(&keys[i], get_value(policy, &keys[i]))) == 0;
        if (!good) {
            json_decref(root);
            root = NULL;
        }
    }
    return root;
}
