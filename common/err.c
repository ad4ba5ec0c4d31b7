#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum sy_err_class class;
    const char *text;
} err_table[SY_E_COUNT] = {
    [SY_E_OK] = {"SY_E_OK", SY_CLASS_NONE, "no error"},
#define SY_ERR_ROW(name, class, text) [SY_E_##name] = {"SY_E_" #name, SY_CLASS_##class, text},
    SY_ERR_MAP(SY_ERR_ROW)
#undef SY_ERR_ROW
};

static const char *const class_names[] = {
    [SY_CLASS_NONE] = "NONE",         [SY_CLASS_INPUT] = "INPUT",
    [SY_CLASS_TRANSIENT] = "TRANSIENT", [SY_CLASS_RESOURCE] = "RESOURCE",
    [SY_CLASS_CORRUPT] = "CORRUPT",   [SY_CLASS_BUG] = "BUG",
};

void sy_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "sealyard: assertion failed: %s (%s:%d)\n", expression, file, line);
    abort();
}

static void set_code(struct sy_error *err, int code)
{
    err->code = code;
    err->class = sy_err_class_of(code);
}

int(sy_fail)(struct sy_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        set_code(err, code);
    }
    return code > 0 ? -code : -SY_E_BUG;
}

static int code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return SY_E_FULL;
    case ENOMEM:
        return SY_E_NOMEM;
    case ENOENT:
        return SY_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return SY_E_DENIED;
    default:
        return SY_E_IO;
    }
}

int(sy_fail_errno)(struct sy_error *err, int errnum, const char *format, ...)
{
    int code = code_of_errno(errnum);
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(errnum));
        set_code(err, code);
    }
    return -code;
}

int(sy_error_wrap)(struct sy_error *err, const char *format, ...)
{
    if (!err)
        return -SY_E_BUG;
    char context[SY_ERROR_TEXT_BYTES];
    char inner[SY_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    memcpy(inner, err->text, sizeof inner);
    snprintf(err->text, sizeof err->text, "%.150s: %.160s", context, inner);
    return err->code > 0 ? -err->code : -SY_E_BUG;
}

const char *sy_err_name(int code)
{
    if (code < 0 || code >= SY_E_COUNT)
        return "SY_E_UNKNOWN";
    return err_table[code].name;
}

const char *sy_err_class_name(enum sy_err_class class)
{
    if ((size_t)class >= SY_ARRAY_SIZE(class_names))
        return "BUG";
    return class_names[class];
}

enum sy_err_class sy_err_class_of(int code)
{
    if (code < 0 || code >= SY_E_COUNT)
        return SY_CLASS_BUG;
    return err_table[code].class;
}

int sy_err_class_parse(const char *name, enum sy_err_class *ret_class)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(class_names); i++) {
        if (strcmp(name, class_names[i]) == 0) {
            *ret_class = (enum sy_err_class)i;
            return 0;
        }
    }
    return -SY_E_PARSE;
}
