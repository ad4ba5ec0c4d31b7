#include "tests/unit/common_test.h"

#include "common/auth.h"
#include "common/hex.h"

#include <sys/stat.h>
#include <unistd.h>

static struct sy_keypair pair;

static int start(void **state)
{
    make_test_directory(state);
    return sy_keypair_generate(&pair, NULL);
}

static void keys_are_new_each_time(void **state)
{
    (void)state;
    struct sy_keypair other;
    assert_int_equal(strlen(pair.public_key), SY_KEY_TEXT_BYTES - 1);
    assert_int_equal(strlen(pair.secret_key), SY_KEY_TEXT_BYTES - 1);
    assert_works(sy_keypair_generate(&other, &err));
    assert_string_not_equal(pair.public_key, other.public_key);
    assert_string_not_equal(pair.secret_key, other.secret_key);
    sy_keypair_wipe(&other);
    for (size_t i = 0; i < sizeof other; i++)
        assert_int_equal(((uint8_t *)&other)[i], 0);
    sy_keypair_wipe(NULL);
}

static void pairs_are_saved_and_loaded(void **state)
{
    (void)state;
    struct sy_keypair back;
    struct stat status;
    assert_works(sy_keypair_save(test_path("k"), &pair, &err));
    assert_works(sy_keypair_load(test_path("k"), &back, &err));
    assert_memory_equal(&pair, &back, sizeof pair);
    assert_int_equal(stat(test_path("k"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    char key[SY_KEY_TEXT_BYTES];
    assert_works(sy_public_key_save(test_path("k.pub"), pair.public_key, &err));
    assert_works(sy_public_key_load(test_path("k.pub"), key, &err));
    assert_string_equal(key, pair.public_key);
}

static void keys_are_never_overwritten(void **state)
{
    (void)state;
    struct sy_keypair other, back;
    assert_works(sy_keypair_generate(&other, &err));
    assert_works(sy_keypair_save(test_path("k"), &pair, &err));
    assert_fails_with(SY_E_EXISTS, "never overwritten",
                      sy_keypair_save(test_path("k"), &other, &err));
    assert_works(sy_keypair_load(test_path("k"), &back, &err));
    assert_string_equal(back.public_key, pair.public_key);
    assert_fails(SY_E_EXISTS, sy_public_key_save(test_path("k"), pair.public_key, &err));
    assert_fails(SY_E_NOT_FOUND, sy_keypair_save(test_path("no/k"), &pair, &err));
}

static void open_modes_are_refused(void **state)
{
    (void)state;
    struct sy_keypair back;
    static const mode_t bad[] = {0640, 0604, 0644, 0660, 0601, 0610};
    assert_works(sy_keypair_save(test_path("k"), &pair, &err));
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        assert_int_equal(chmod(test_path("k"), bad[i]), 0);
        assert_fails_with(SY_E_DENIED, "chmod 600", sy_keypair_load(test_path("k"), &back, &err));
    }
    assert_int_equal(chmod(test_path("k"), 0400), 0);
    assert_works(sy_keypair_load(test_path("k"), &back, &err));
    assert_int_equal(chmod(test_directory, 0770), 0);
    assert_fails_with(SY_E_DENIED, "chmod go-w", sy_keypair_load(test_path("k"), &back, &err));
    assert_int_equal(chmod(test_directory, 0702), 0);
    assert_fails(SY_E_DENIED, sy_keypair_load(test_path("k"), &back, &err));
    assert_int_equal(chmod(test_directory, 0755), 0);
    assert_works(sy_keypair_load(test_path("k"), &back, &err));
}

static void foreign_owners_and_odd_files_are_refused(void **state)
{
    (void)state;
    struct sy_keypair back;
    static char block[2000];
    assert_works(sy_keypair_save(test_path("k"), &pair, &err));
    assert_int_equal(symlink(test_path("k"), test_path("link")), 0);
    assert_true(sy_keypair_load(test_path("link"), &back, NULL) < 0);
    assert_fails(SY_E_NOT_FOUND, sy_keypair_load(test_path("none"), &back, &err));
    assert_fails(SY_E_NOT_FOUND, sy_keypair_load(test_path("no/k"), &back, &err));
    assert_int_equal(mkdir(test_path("dir"), 0700), 0);
    assert_fails(SY_E_DENIED, sy_keypair_load(test_path("dir"), &back, &err));
    assert_works(sy_file_write(test_path("big"), block, sizeof block, 0600, &err));
    assert_fails(SY_E_LIMIT, sy_keypair_load(test_path("big"), &back, &err));
    if (geteuid() != 0)
        return; /* only root can give files away */
    assert_int_equal(chown(test_path("k"), 12345, 12345), 0);
    assert_fails_with(SY_E_DENIED, "chown", sy_keypair_load(test_path("k"), &back, &err));
    assert_int_equal(chown(test_path("k"), 0, 0), 0);
    assert_int_equal(chown(test_directory, 12345, 12345), 0);
    assert_fails(SY_E_DENIED, sy_keypair_load(test_path("k"), &back, &err));
    assert_int_equal(chown(test_directory, 0, 0), 0);
}

static void write_key(const char *format, const char *a, const char *b)
{
    char text[512];
    snprintf(text, sizeof text, format, a, b);
    assert_works(sy_file_write(test_path("k"), text, strlen(text), 0600, &err));
}

static void bad_key_files_are_refused(void **state)
{
    (void)state;
    struct sy_keypair back = {"untouched", ""}, other;
    char key[SY_KEY_TEXT_BYTES] = "untouched";
    static const char *const bad[] = {
        "",
        "public = \"%s\"\n",
        "secret = \"%s\"\npublic = \"%s\"\n",
        "public = \"%s\"\nsecret = \"%s\"\nmore\n",
        "public = \"%s\" x\nsecret = \"%s\"\n",
        "public = \"%.39s\"\nsecret = \"%s\"\n",
        "public = \"%sx\"\nsecret = \"%s\"\n",
        "public = '%s'\nsecret = '%s'\n",
        "public \"%s\"\nsecret = \"%s\"\n",
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        char text[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, bad[i], pair.public_key, pair.secret_key);
#pragma GCC diagnostic pop
        assert_works(sy_file_write(test_path("k"), text, strlen(text), 0600, &err));
        assert_fails(SY_E_PARSE, sy_keypair_load(test_path("k"), &back, &err));
    }
    assert_works(sy_keypair_generate(&other, &err));
    write_key("public = \"%s\"\nsecret = \"%s\"\n", other.public_key, pair.secret_key);
    assert_fails(SY_E_MISMATCH, sy_keypair_load(test_path("k"), &back, &err));
    assert_string_equal(back.public_key, "untouched");
    assert_fails(SY_E_PARSE, sy_public_key_load(test_path("k"), key, &err)); /* two lines */
    assert_string_equal(key, "untouched");
    assert_fails(SY_E_NOT_FOUND, sy_public_key_load(test_path("none"), key, &err));
    assert_fails(SY_E_ARG, sy_public_key_save(test_path("x"), "short", &err));
    write_key("public\t=  \"%s\"%s", pair.public_key, "");
    assert_works(sy_public_key_load(test_path("k"), key, &err)); /* no last newline is fine */
}

static void make_token(struct sy_enroll_token *token)
{
    struct sy_keypair server;
    memset(token, 0, sizeof *token);
    assert_works(sy_keypair_generate(&server, &err));
    snprintf(token->name, sizeof token->name, "p1-host");
    snprintf(token->endpoint, sizeof token->endpoint, "tcp://10.0.0.1:7710");
    memcpy(token->server_key, server.public_key, sizeof token->server_key);
    token->once = pair;
}

static void tokens_go_both_ways(void **state)
{
    (void)state;
    struct sy_enroll_token token, back;
    char text[SY_TOKEN_TEXT_BYTES + 2];
    make_token(&token);
    assert_works(sy_enroll_token_print(&token, text, &err));
    assert_memory_equal(text, "sy1.", 4);
    assert_works(sy_enroll_token_parse(text, &back, &err));
    assert_string_equal(back.name, token.name);
    assert_string_equal(back.endpoint, token.endpoint);
    assert_string_equal(back.server_key, token.server_key);
    assert_memory_equal(&back.once, &token.once, sizeof back.once);
    memset(token.name, 'a', sizeof token.name - 1);
    memset(token.endpoint, 'e', sizeof token.endpoint - 1);
    assert_works(sy_enroll_token_print(&token, text, &err)); /* the longest one fits */
    assert_true(strlen(text) < SY_TOKEN_TEXT_BYTES);
    assert_works(sy_enroll_token_parse(strcat(text, "\n"), &back, &err));
    assert_string_equal(back.endpoint, token.endpoint);
}

static void damaged_tokens_are_refused(void **state)
{
    (void)state;
    struct sy_enroll_token token, back;
    char text[SY_TOKEN_TEXT_BYTES], broken[SY_TOKEN_TEXT_BYTES + 8];
    make_token(&token);
    assert_works(sy_enroll_token_print(&token, text, &err));
    for (size_t i = 0; i < strlen(text); i++) {
        memcpy(broken, text, sizeof text);
        broken[i] = broken[i] == 'A' ? 'B' : 'A';
        assert_fails(SY_E_PARSE, sy_enroll_token_parse(broken, &back, &err));
        memcpy(broken, text, sizeof text);
        broken[i] = 0;
        assert_fails(SY_E_PARSE, sy_enroll_token_parse(broken, &back, &err));
    }
    memset(broken, 'A', sizeof broken);
    broken[SY_TOKEN_TEXT_BYTES] = 0;
    assert_fails(SY_E_LIMIT, sy_enroll_token_parse(broken, &back, &err));
}

/* A token with a right checksum around wrong contents. */
static int parse_inner(const char *name, const char *endpoint, const char *server,
                       const struct sy_keypair *once, struct sy_error *err)
{
    char inner[700], text[SY_TOKEN_TEXT_BYTES] = "sy1.";
    struct sy_enroll_token back;
    int bytes = snprintf(inner, sizeof inner, "%s\n%s\n%s\n%s\n%s\n", name, endpoint, server,
                         once->public_key, once->secret_key);
    bytes += snprintf(inner + bytes, sizeof inner - (size_t)bytes, "%08x\n",
                      sy_crc32c(0, inner, (size_t)bytes));
    sy_base64_encode(inner, (size_t)bytes, text + 4);
    return sy_enroll_token_parse(text, &back, err);
}

static void wrong_contents_of_tokens_are_refused(void **state)
{
    (void)state;
    struct sy_keypair other, mixed;
    char endpoint[300];
    assert_works(sy_keypair_generate(&other, &err));
    mixed = other;
    memcpy(mixed.secret_key, pair.secret_key, sizeof mixed.secret_key);
    memset(endpoint, 'e', sizeof endpoint);
    endpoint[256] = 0;
    assert_works(parse_inner("n", "tcp://x:1", other.public_key, &pair, &err));
    assert_fails(SY_E_ARG, parse_inner("N", "tcp://x:1", other.public_key, &pair, &err));
    assert_fails(SY_E_LIMIT, parse_inner("n", "", other.public_key, &pair, &err));
    assert_fails(SY_E_LIMIT, parse_inner("n", endpoint, other.public_key, &pair, &err));
    assert_fails(SY_E_PARSE, parse_inner("n", "tcp://x:1", "short", &pair, &err));
    assert_fails(SY_E_PARSE, parse_inner("n", "tcp://x:1", other.public_key, &mixed, &err));
    assert_fails(SY_E_PARSE, parse_inner("n\nn", "tcp://x:1", other.public_key, &pair, &err));
    struct sy_enroll_token token;
    char text[SY_TOKEN_TEXT_BYTES];
    make_token(&token);
    token.name[0] = 'N';
    assert_fails(SY_E_ARG, sy_enroll_token_print(&token, text, &err));
    make_token(&token);
    token.endpoint[0] = 0;
    assert_fails(SY_E_ARG, sy_enroll_token_print(&token, text, &err));
    make_token(&token);
    token.server_key[3] = 0;
    assert_fails(SY_E_ARG, sy_enroll_token_print(&token, text, &err));
}

static void tokens_compare(void **state)
{
    (void)state;
    uint8_t a[32] = {1}, b[32] = {1};
    assert_true(sy_token_equal(a, b, 32));
    b[31] = 1;
    assert_false(sy_token_equal(a, b, 32));
    assert_true(sy_token_equal(a, b, 31));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, remove_test_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_new_each_time),
        TEST(pairs_are_saved_and_loaded),
        TEST(keys_are_never_overwritten),
        TEST(open_modes_are_refused),
        TEST(foreign_owners_and_odd_files_are_refused),
        TEST(bad_key_files_are_refused),
        TEST(tokens_go_both_ways),
        TEST(damaged_tokens_are_refused),
        TEST(wrong_contents_of_tokens_are_refused),
        TEST(tokens_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
