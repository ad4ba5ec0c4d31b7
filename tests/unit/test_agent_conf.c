#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/agent_conf.h"
#include "agent/slot.h"

#include <stdio.h>
#include <string.h>

#define AGENT "[agent]\nname = \"p1\"\ndir = \"/var/a\"\nscheduler = \"tcp://10.0.0.1:7710\"\n"

static int parse(struct sy_agent_conf **ret, const char *text, struct sy_error *err)
{
    return sy_agent_conf_parse(ret, text, strlen(text), "agent.toml", err);
}

static void defaults_are_the_written_ones(void **state)
{
    (void)state;
    struct sy_agent_conf *conf;
    struct sy_error err = {0};
    if (parse(&conf, AGENT, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(conf->scheduler_key, "/var/a/keys/scheduler.pub");
    assert_string_equal(conf->parent_cache, "/var/a/parent-cache");
    assert_true(conf->cgroup_enabled);
    assert_string_equal(conf->cgroup_parent, "sealyard");
    assert_int_equal(conf->stages[SY_STAGE_PC1].slots, 1);
    assert_int_equal(conf->stages[SY_STAGE_C2].slots, 0);
    assert_int_equal(conf->log_level, SY_LOG_INFO);
    assert_string_equal(conf->hugepage_mount, "");
    sy_agent_conf_destroy(conf);
    sy_agent_conf_destroy(NULL);
}

static void every_key_is_taken(void **state)
{
    (void)state;
    struct sy_agent_conf *conf;
    struct sy_error err = {0};
    static const char text[] =
        AGENT "scheduler_key = \"/k\"\nparent_cache = \"/p\"\nparameters = \"/q\"\n"
              "task_user = \"root\"\ntopology = \"synthetic:core:4 pu:2\"\n"
              "log_level = \"debug\"\n"
              "[slots]\nap = 2\npc1 = 3\n"
              "[slots.resources.pc1]\ncores = 4\nthreads = 8\nmemory = \"64GiB\"\n"
              "hugepages = \"32GiB\"\n"
              "[hugepages]\nmount = \"/huge\"\npage = \"1GiB\"\n"
              "[cgroup]\nmode = \"off\"\nparent = \"lab\"\npids_max = 500\n"
              "[stage.c1]\nexec = [\"/opt/c1\", \"-v\"]\nenvironment = [\"A=b\"]\n"
              "writable = [\"/opt/tmp\"]\nnetwork = true\nverify = \"full\"\n";
    if (parse(&conf, text, &err) != 0)
        fail_msg("%s", err.text);
    const struct sy_agent_stage_conf *pc1 = &conf->stages[SY_STAGE_PC1];
    assert_true(pc1->slots == 3 && pc1->cores == 4 && pc1->threads == 8 &&
                pc1->memory_bytes == 64ull << 30 && pc1->hugepage_bytes == 32ull << 30);
    const struct sy_agent_stage_conf *c1 = &conf->stages[SY_STAGE_C1];
    assert_true(c1->exec_count == 2 && c1->environment_count == 1 && c1->writable_count == 1 &&
                c1->network);
    assert_string_equal(c1->exec[1], "-v");
    assert_int_equal(conf->hugepage_page_bytes, 1u << 30);
    assert_int_equal(conf->task_uid, 0);
    assert_false(conf->cgroup_enabled);
    assert_int_equal(conf->pids_max, 500);
    sy_agent_conf_destroy(conf);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[agent]\nnmae = \"x\"\n", "nmae"},
        {"[agent]\nname = \"p1\"\ndir = \"/a\"\n", "no scheduler"},
        {"[agent]\nname = \"P 1\"\ndir = \"/a\"\nscheduler = \"s\"\n", "agent.toml:2"},
        {"[agent]\nname = \"p\"\ndir = \"a\"\nscheduler = \"s\"\n", "absolute"},
        {AGENT "[slots]\npc9 = 1\n", "pc9"},
        {AGENT "[slots]\npc1 = 65\n", "65"},
        {AGENT "[slots]\npc1 = \"one\"\n", "pc1"},
        {AGENT "[slots.resources.pc1]\nmemory = \"lots\"\n", "lots"},
        {AGENT "[slots.resources.pc1]\nhugepages = \"2MiB\"\n", "[hugepages]"},
        {AGENT "[hugepages]\nmount = \"/huge\"\npage = \"4KiB\"\n", "1GiB"},
        {AGENT "[cgroup]\nmode = \"perhaps\"\n", "perhaps"},
        {AGENT "[stage.c1]\nexec = [\"c1\"]\n", "absolute"},
        {AGENT "[stage.c1]\nenvironment = [\"A\"]\n", "NAME=value"},
        {AGENT "[stage.c1]\nwritable = [\"tmp\"]\n", "absolute"},
        {AGENT "[stage.c1]\nverify = \"some\"\n", "some"},
        {AGENT "[stage.c7]\nexec = [\"/c1\"]\n", "c7"},
        {AGENT "task_user = \"nobody-of-that-name\"\n", "nobody-of-that-name"},
        {AGENT "log_level = \"loud\"\n", "loud"},
        {"not toml", "agent.toml:1"},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        struct sy_agent_conf *conf;
        struct sy_error err = {0};
        if (parse(&conf, cases[i].text, &err) == 0)
            fail_msg("case %zu was taken", i);
        if (!strstr(err.text, cases[i].part))
            fail_msg("case %zu: \"%s\" has no \"%s\"", i, err.text, cases[i].part);
    }
    struct sy_error err = {0};
    struct sy_agent_conf *conf;
    assert_int_equal(sy_agent_conf_load(&conf, "/nonexistent.toml", &err), -SY_E_NOT_FOUND);
}

static void slots_are_booked_once(void **state)
{
    (void)state;
    struct sy_agent_conf *conf;
    struct sy_topo *topo;
    struct sy_slots slots;
    struct sy_error err = {0};
    uint32_t a, b, c;
    assert_int_equal(
        parse(&conf, AGENT "[slots]\npc1 = 2\n[slots.resources.pc1]\ncores = 2\n", &err), 0);
    assert_int_equal(sy_topo_create(&topo, "synthetic:core:4 pu:1", &err), 0);
    assert_int_equal(sy_slots_init(&slots, conf, topo, &err), 0);
    assert_int_equal(sy_slots_book(&slots, SY_STAGE_PC1, &a, &err), 0);
    assert_int_equal(sy_slots_book(&slots, SY_STAGE_PC1, &b, &err), 0);
    assert_int_equal(sy_slots_book(&slots, SY_STAGE_PC1, &c, &err), -SY_E_BUSY);
    assert_string_not_equal(sy_slots_get(&slots, SY_STAGE_PC1, a)->place.cpus,
                            sy_slots_get(&slots, SY_STAGE_PC1, b)->place.cpus);
    sy_slots_free(&slots, SY_STAGE_PC1, a);
    assert_true(sy_slots_rebook(&slots, SY_STAGE_PC1, a));
    assert_false(sy_slots_rebook(&slots, SY_STAGE_PC1, a));
    assert_false(sy_slots_rebook(&slots, SY_STAGE_PC1, 2));
    assert_int_equal(sy_slots_book(&slots, SY_STAGE_C2, &c, &err), -SY_E_BUSY);
    struct sy_slot_offer offers[SY_STAGE_COUNT];
    assert_int_equal(sy_slots_offers(&slots, offers), 7);
    sy_slots_fini(&slots);
    conf->stages[SY_STAGE_PC1].slots = 3;
    sy_topo_destroy(topo);
    assert_int_equal(sy_topo_create(&topo, "synthetic:core:4 pu:1", &err), 0);
    assert_int_equal(sy_slots_init(&slots, conf, topo, &err), -SY_E_RESOURCE);
    assert_non_null(strstr(err.text, "pc1, slot 3 of 3"));
    sy_topo_destroy(topo);
    sy_agent_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_written_ones),
        cmocka_unit_test(every_key_is_taken),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(slots_are_booked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
